"""Nothing that an exception says leaves the plugin. Run with the built plugin as PYTHONPATH, which has the generated code."""

import contextlib
import logging
import os
import tempfile
import unittest

import identitymesh_plugin as plugin
from identitymesh.secretprovider.v1 import value_pb2

CANARY = "hunter2-canary"


class Store:
    def get(self, call, ref, version):
        raise ValueError(f"cannot parse {CANARY}")

    describe = get


class Context:
    """A call that nobody makes."""

    def __init__(self, remaining=5.0):
        self.remaining, self.trailer, self.aborted = remaining, None, None

    def time_remaining(self):
        return self.remaining

    def is_active(self):
        return True

    def invocation_metadata(self):
        return [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]

    def set_trailing_metadata(self, trailer):
        self.trailer = trailer

    def abort(self, code, details):
        self.aborted = (code, details)


@contextlib.contextmanager
def standard_error():
    """What is written to descriptor 2 meanwhile."""
    lines, kept = [], os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            lines.append(file.read().decode())


def services():
    definition = plugin.Definition(name="test", version="1.0.0", store=Store, open=lambda config, log: (Store(), []))
    made = plugin._Services(definition, plugin.Log("DEBUG"))
    made._store = Store()
    return made


class Leaks(unittest.TestCase):
    def test_the_text_of_an_exception_is_withheld(self):
        context = Context()
        with standard_error() as said:
            services()._guard("Get")(value_pb2.GetRequest(ref="secret://a"), context)
        told = f"{context.aborted} {context.trailer} {said}"
        self.assertNotIn(CANARY, told)
        for word in ("INTERNAL", "ValueError", "get:", "0af7651916cd43dd8448eb211c80319c"):
            self.assertIn(word, told)

    def test_the_text_of_a_library_is_withheld(self):
        handler = plugin._Foreign(plugin.Log("INFO"))
        logging.getLogger("library").addHandler(handler)
        with standard_error() as said:
            logging.getLogger("library").error("cannot send %s", CANARY)
        self.assertNotIn(CANARY, said[0])
        self.assertIn("library", said[0])

    def test_a_call_whose_deadline_passed_is_not_begun(self):
        for remaining, reason in ((0.0, "DEADLINE_EXCEEDED"), (None, "INTERNAL"), (float("inf"), "INTERNAL")):
            context = Context(remaining)
            with standard_error() as said:
                services()._guard("Get")(value_pb2.GetRequest(ref="secret://a"), context)
            self.assertIn(reason, str(context.aborted[0]))
            self.assertNotIn("ValueError", said[0])


if __name__ == "__main__":
    unittest.main()
