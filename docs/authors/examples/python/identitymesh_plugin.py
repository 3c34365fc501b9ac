"""What every IdentityMesh secret provider plugin in Python needs, and no store.

It carries a store across the contract identitymesh.secretprovider.v1: the
handshake, the mutually authenticated connection, the lifeline, log lines, the
contract's limits, outcomes of failed calls, and draining. docs/spec says why each
of these is as it is; the comments name the rules.

A store is a class with any of the methods get, describe (these two are required),
list, list_versions, set, delete, recover, purge and check. What it has is what
hosts are told it can do. Start reading at Definition, then run. Linux only.
"""

import base64
import datetime
import hashlib
import json
import logging
import os
import resource
import signal
import sys
import threading
import time
import traceback
import unicodedata
from concurrent import futures
from dataclasses import dataclass, field

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its lines would not be JSON
import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import status_pb2
from identitymesh.secretprovider.v1 import fault_pb2, metadata_pb2, plugin_pb2, value_pb2, write_pb2

# docs/spec/limits.md
MAJOR, MINOR = 1, 0  # a later minor only adds
COOKIE = ("IDENTITYMESH_PLUGIN_COOKIE", "b5cf0d86-9d0c-4f0b-8d4e-1f5a3a8f9f60")
MAX_VALUE, MAX_MESSAGE, MAX_REF, MAX_TEXT, MAX_PAGE = 1 << 20, 4 << 20, 4096, 4096, 1000
MAX_DIAGNOSTICS, MAX_CHECKS = 100, 32
LEAVE_GRACE = 2.0

# docs/spec/errors.md: the gRPC code that each reason travels with.
CODES = {
    "NOT_FOUND": "NOT_FOUND", "DELETED": "NOT_FOUND", "DISABLED": "FAILED_PRECONDITION", "EXPIRED": "FAILED_PRECONDITION",
    "NOT_YET_VALID": "FAILED_PRECONDITION", "ACCESS_DENIED": "PERMISSION_DENIED", "AUTH_FAILED": "UNAUTHENTICATED",
    "THROTTLED": "RESOURCE_EXHAUSTED", "UNAVAILABLE": "UNAVAILABLE", "TIMEOUT": "DEADLINE_EXCEEDED",
    "UNDECRYPTABLE": "DATA_LOSS", "CORRUPT": "DATA_LOSS", "VERSION_CONFLICT": "ABORTED", "ALREADY_EXISTS": "ALREADY_EXISTS",
    "INVALID_REF": "INVALID_ARGUMENT", "TOO_LARGE": "INVALID_ARGUMENT", "CONFIG_INVALID": "INVALID_ARGUMENT",
    "UNSUPPORTED": "UNIMPLEMENTED", "INTERNAL": "INTERNAL", "CANCELLED": "CANCELLED",
}


class Fault(Exception):
    """An outcome: a reason of CODES, a source (PLUGIN, BACKEND, CONFIG or HOST), and the words of the store.

    The message reaches operators, so it never holds a value. Any other exception
    reaches the host as INTERNAL without its text.
    """

    def __init__(self, reason, source, message, retry_after=0.0, request_id="", config_path=""):
        super().__init__(reason)
        self.code = getattr(grpc.StatusCode, CODES[reason])
        self.detail = fault_pb2.Fault(
            reason=fault_pb2.Reason.Value("REASON_" + reason), source=fault_pb2.Source.Value("SOURCE_" + source),
            message=cut(message, MAX_TEXT), request_id=cut(request_id, 256), config_path=cut(config_path, 256))
        if retry_after > 0:
            self.detail.retry_after.FromNanoseconds(int(retry_after * 1e9))

    def trailer(self):
        """The detail as gRPC carries it; errors.md#the-detail."""
        status = status_pb2.Status(code=self.code.value[0], message=self.detail.message)
        status.details.add().Pack(self.detail)
        return ("grpc-status-details-bin", status.SerializeToString())


@dataclass
class Definition:
    """Declares a plugin."""

    name: str  # of [a-z0-9-], the same for ever
    version: str  # a semantic version without a leading v
    store: type  # its methods decide what hosts are told
    # open(config: bytes, log) returns a store and a list of problems; with an error among them the store is
    # ignored. It finds all problems at once, quotes no configuration and waits for no network.
    open: object
    # Of LIST_COMPLETE, CONDITIONAL_SET, SOFT_DELETE, EXPIRY, TAGS, HOST_BOUND: what no method shows.
    traits: list = field(default_factory=list)
    max_value_bytes: int = MAX_VALUE
    max_ref_bytes: int = MAX_REF


def error(path, summary):
    """A problem of the configuration that stops; path is relative to it, with ':' between its parts."""
    return plugin_pb2.Diagnostic(severity=plugin_pb2.Diagnostic.SEVERITY_ERROR, path=path, summary=summary)


def warning(path, summary):
    """A problem of the configuration that does not stop."""
    return plugin_pb2.Diagnostic(severity=plugin_pb2.Diagnostic.SEVERITY_WARNING, path=path, summary=summary)


def name_of(ref):
    """The name of ref in every store; README.md#name-is-the-hash-of-the-ref."""
    return "im-" + hashlib.sha256(ref.encode()).hexdigest()[:32]


def cut(text, limit):
    """text in at most limit bytes of UTF-8."""
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


class Log:
    """Lines as process.md#log-lines-are-json-objects wants them: a fixed message, data in fields, never a value."""

    LEVELS = {"DEBUG": 10, "INFO": 20, "WARN": 30, "ERROR": 40}
    _one = threading.Lock()

    def __init__(self, level, fields=None):
        self._level = self.LEVELS.get(level.upper(), 20)
        self._name = level
        self._fields = fields or {}

    def bind(self, **fields):
        return Log(self._name, {**self._fields, **fields})

    def write(self, level, msg, **fields):
        if self.LEVELS[level] < self._level:
            return
        line = json.dumps({"level": level, "msg": msg, **self._fields, **fields}).encode() + b"\n"
        with self._one:
            while line:
                line = line[os.write(2, line):]

    def debug(self, msg, **fields):
        self.write("DEBUG", msg, **fields)

    def info(self, msg, **fields):
        self.write("INFO", msg, **fields)

    def warn(self, msg, **fields):
        self.write("WARN", msg, **fields)

    def error(self, msg, **fields):
        self.write("ERROR", msg, **fields)


class _Foreign(logging.Handler):
    """Brings in what libraries log, without its text, which could quote a value."""

    def __init__(self, log):
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record):
        self._log.warn("a library logged; its text is withheld", logger=record.name, at=f"{record.filename}:{record.lineno}")


def where(exception):
    """The exception's type and the places it came through: neither can quote a value, as its text could."""
    frames = traceback.extract_tb(exception.__traceback__)
    return {"type": type(exception).__name__, "stack": " > ".join(f"{f.name}:{f.lineno}" for f in frames)}


class Call:
    """One call: how long it may take, and where to log about it."""

    def __init__(self, context, log):
        self._context = context
        remaining = context.time_remaining()
        # Without a deadline grpcio says None, or in older versions some centuries.
        self.has_deadline = remaining is not None and remaining < 10 * 365 * 86400
        self._end = time.monotonic() + (remaining if self.has_deadline else 0)
        self.log = log.bind(**_trace(context))

    def remaining(self):
        """Seconds until the caller has given up; 0 when it has."""
        return max(self._end - time.monotonic(), 0) if self._context.is_active() else 0

    def check(self):
        """Raises when nobody waits for the answer any more."""
        if self.remaining() > 0:
            return
        if self._context.is_active():
            raise Fault("TIMEOUT", "BACKEND", "the deadline of the call passed")
        raise Fault("CANCELLED", "HOST", "the caller gave up")


def _trace(context):
    """The ids of the host's span, from the W3C header, so that log lines can be found by them."""
    for key, text in context.invocation_metadata():
        parts = text.split("-") if key == "traceparent" else []
        if len(parts) == 4:
            return {"trace_id": parts[1], "span_id": parts[2]}
    return {}


class _Services:
    """The calls of the four services. Their names are those of the proto files."""

    def __init__(self, definition, log):
        self._definition, self._log = definition, log
        self._info = _info(definition)
        self._store, self._draining, self._lock = None, False, threading.Lock()

    def GetInfo(self, call, request):
        return self._info

    def Configure(self, call, request):
        store, problems = self._definition.open(request.config, self._log)
        errors = [p for p in problems if p.severity != plugin_pb2.Diagnostic.SEVERITY_WARNING]
        if not errors:
            with self._lock:
                self._store = store
        warnings = [p for p in problems if p.severity == plugin_pb2.Diagnostic.SEVERITY_WARNING]
        return plugin_pb2.ConfigureResponse(diagnostics=(errors + warnings)[:MAX_DIAGNOSTICS])

    def Check(self, call, request):
        answer = self._method("check")(call)
        del answer.results[MAX_CHECKS:]
        return answer

    def Drain(self, call, request):
        with self._lock:
            self._draining = True
        return plugin_pb2.DrainResponse()

    def Describe(self, call, request):
        return metadata_pb2.DescribeResponse(metadata=self._method("describe")(call, self._ref(request)))

    def List(self, call, request):
        items, token, complete = self._method("list")(call, _size(request), request.page_token)
        return metadata_pb2.ListResponse(items=items, next_page_token=token, complete=complete)

    def ListVersions(self, call, request):
        serve = self._method("list_versions")
        items, token, complete = serve(call, self._ref(request), _size(request), request.page_token)
        return metadata_pb2.ListVersionsResponse(items=items, next_page_token=token, complete=complete)

    def Get(self, call, request):
        metadata, value = self._method("get")(call, self._ref(request), request.version)
        if len(value) > MAX_VALUE:
            raise Fault("TOO_LARGE", "BACKEND", f"the value has more bytes than the contract's limit of {MAX_VALUE}")
        return value_pb2.GetResponse(metadata=metadata, value=value)

    def Set(self, call, request):
        serve, ref, limit = self._method("set"), self._ref(request), self._info.limits.max_value_bytes
        if len(request.value) > limit:
            raise Fault("TOO_LARGE", "CONFIG", f"the value has more bytes than the store's limit of {limit}")
        expected = request.expected_version if request.HasField("expected_version") else None
        expires = request.expires if request.HasField("expires") else None
        return write_pb2.SetResponse(metadata=serve(call, ref, request.value, expected, expires, dict(request.tags)))

    def Delete(self, call, request):
        self._method("delete")(call, self._ref(request))
        return write_pb2.DeleteResponse()

    def Recover(self, call, request):
        return write_pb2.RecoverResponse(metadata=self._method("recover")(call, self._ref(request)))

    def Purge(self, call, request):
        self._method("purge")(call, self._ref(request))
        return write_pb2.PurgeResponse()

    def _method(self, name):
        with self._lock:
            if self._draining:
                raise Fault("UNAVAILABLE", "PLUGIN", "the plugin is draining and takes no new calls")
            if self._store is None:
                raise Fault("CONFIG_INVALID", "HOST", "the plugin has not been configured")
            method = getattr(self._store, name, None)
        if method is None:
            raise Fault("UNSUPPORTED", "PLUGIN", f"this provider cannot {name.replace('_', ' ')}")
        return method

    def _ref(self, request):
        """README.md#ref-is-checked-and-never-changed"""
        size, limit = len(request.ref.encode()), self._info.limits.max_ref_bytes
        if size == 0 or size > limit:
            raise Fault("INVALID_REF", "CONFIG", f"the ref has {size} bytes, 1 to {limit} are allowed")
        if any(unicodedata.category(c) == "Cc" for c in request.ref):
            raise Fault("INVALID_REF", "CONFIG", "the ref contains a control character")
        return request.ref

    def handlers(self):
        """The services as grpcio wants them, from the descriptors: no generated stubs are needed."""
        for file in (plugin_pb2, metadata_pb2, value_pb2, write_pb2):
            for service in file.DESCRIPTOR.services_by_name.values():
                yield grpc.method_handlers_generic_handler(service.full_name, {
                    method.name: grpc.unary_unary_rpc_method_handler(
                        self._guard(method.name),
                        request_deserializer=method.input_type._concrete_class.FromString,
                        response_serializer=method.output_type._concrete_class.SerializeToString)
                    for method in service.methods})

    def _guard(self, name):
        """Stands around every call: insists on a deadline, and turns exceptions into outcomes."""
        serve = getattr(self, name)

        def handle(request, context):
            call = Call(context, self._log)
            try:
                if not call.has_deadline:
                    raise Fault("INTERNAL", "HOST", "the call has no deadline; the contract requires one")
                call.check()  # it may have waited for a thread
                return serve(call, request)
            except Fault as outcome:
                fault = outcome
            except BaseException as e:  # errors.md#defect-ends-the-call-and-not-the-process
                call.log.error("call failed with an exception that is no outcome", method=name, **where(e))
                fault = Fault("INTERNAL", "PLUGIN", "the plugin failed; its log says where")
            call.log.debug("call failed", method=name, reason=fault_pb2.Reason.Name(fault.detail.reason)[len("REASON_"):])
            context.set_trailing_metadata((fault.trailer(),))
            context.abort(fault.code, fault.detail.message)

        return handle


def _size(request):
    return min(max(request.page_size, 1), MAX_PAGE)


def _info(definition):
    info = plugin_pb2.GetInfoResponse(name=definition.name, version=definition.version, contract_minor=MINOR)
    info.limits.max_value_bytes = min(definition.max_value_bytes, MAX_VALUE)
    info.limits.max_ref_bytes = min(definition.max_ref_bytes, MAX_REF)
    shown = {"list": "LIST", "list_versions": "VERSIONS", "set": "WRITE", "delete": "DELETE", "recover": "RECOVER", "purge": "PURGE"}
    claims = [claim for method, claim in shown.items() if hasattr(definition.store, method)] + definition.traits
    info.capabilities.extend(plugin_pb2.Capability.Value("CAPABILITY_" + claim) for claim in claims)
    return info


def _key_and_certificate():
    """A pair for this one start; process.md#connection-is-mutually-authenticated. The key stays in memory."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.utcnow()
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=20 * 365))  # the host may connect again after years
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256()))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, certificate


def _listen(server):
    """Listens where the host says and returns the handshake line; process.md#handshake."""
    host_certificate = os.environ["PLUGIN_CLIENT_CERT"].encode()
    key, certificate = _key_and_certificate()
    credentials = grpc.ssl_server_credentials(
        [(key, certificate.public_bytes(serialization.Encoding.PEM))],
        root_certificates=host_certificate, require_client_auth=True)
    path = os.path.join(os.environ["PLUGIN_UNIX_SOCKET_DIR"], f"py{os.getpid()}")  # at most 16 bytes
    if server.add_secure_port("unix:" + path, credentials) == 0:
        raise OSError("no socket can be made in the folder of the host")
    encoded = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode().rstrip("=")
    return f"1|{MAJOR}|unix|{path}|grpc|{encoded}\n"


def _watch_lifeline(server):
    """Leaves when stdin ends; process.md#plugin-leaves-when-stdin-ends."""
    while os.read(0, 4096):
        pass
    # The system ends the process in time even if Python does not get to run.
    signal.setitimer(signal.ITIMER_REAL, LEAVE_GRACE * 0.9)
    server.stop(LEAVE_GRACE / 2).wait(LEAVE_GRACE / 2 + 0.1)
    os._exit(0)


def run(definition):
    """Runs the plugin; it never returns."""
    if sys.argv[1:2] in (["--version"], ["-v"]):
        print(definition.name, definition.version)
        sys.exit(0)
    if os.environ.get(COOKIE[0]) != COOKIE[1]:
        sys.exit(f"{definition.name} {definition.version} is an IdentityMesh secret provider plugin.\n"
                 "IdentityMesh starts it by itself; to look at it, run: secretscli doctor")
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold values
    log = Log(os.environ.get("IDENTITYMESH_PLUGIN_LOG_LEVEL", "INFO"))
    logging.getLogger().addHandler(_Foreign(log))
    sys.excepthook = lambda kind, e, tb: log.error("the plugin failed", **where(e))
    threading.excepthook = lambda args: log.error("a thread failed", **where(args.exc_value))

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=32), options=[
        ("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)])
    server.add_generic_rpc_handlers(tuple(_Services(definition, log).handlers()))
    line = _listen(server)
    server.start()
    threading.Thread(target=_watch_lifeline, args=(server,), daemon=True).start()
    os.write(1, line.encode())
    os.dup2(2, 1)  # process.md#stdout-holds-nothing-else: a stray print becomes a log line
    server.wait_for_termination()
