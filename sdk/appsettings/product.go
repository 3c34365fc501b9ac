package appsettings

import (
	"errors"
	"log/slog"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/identitymesh/identitymesh/sdk/diag"
	"github.com/identitymesh/identitymesh/sdk/internal/words"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// owned are the top-level sections that we read. Of ConnectionStrings only one
// key is ours.
var owned = []string{"IdentityMesh", "ConnectionStrings", "Secrets", "AdminApi", "Engine", "Logging", "Authentication", "Audit"}

func isOwned(name string) bool { return containsFold(owned, name) }

// settings reads every section of ours into s.
func (r *reader) settings(root *node, s *Settings) {
	top := &section{reader: r, node: root}
	s.Product = r.product(top)
	s.Secrets = r.secrets(top.sub("Secrets"))
	s.AdminAPI = r.adminAPI(top.sub("AdminApi"))
	s.Engine = r.engine(top.sub("Engine"))
	s.Logging = r.logging(top.sub("Logging"))
	s.Audit = r.audit(top.sub("Audit"))
	s.Authentication = r.authentication(top.sub("Authentication"))

	for _, m := range root.members {
		// .NET would split such a key. Passing over it in silence could leave the
		// wrong secret store in force.
		if first, _, split := strings.Cut(m.name, ":"); split && isOwned(first) {
			r.fail(m, m.name, "write the key as an object inside an object; ':' in a key is not supported")
		} else if like := words.Closest(m.name, owned); like != "" && !isOwned(m.name) && words.Distance(m.name, like) == 1 {
			r.diags = append(r.diags, diag.Diagnostic{Severity: diag.Warning, Path: m.name,
				Summary: "unknown section, it has no effect; did you mean " + like + "?", Detail: where(m)})
		}
	}
}

func (r *reader) product(top *section) Product {
	s := top.sub("IdentityMesh")
	defer s.done()
	p := Product{
		SqlConnectionString: s.secret("SqlConnectionString"),
		DataFolder:          s.folderOrFile("DataFolder"),
		HostKeyWrappedBy:    s.plain("HostKeyWrappedBy", ""),
		PluginFolder:        s.folderOrFile("PluginFolder"),
		InstanceName:        s.instanceName(),
	}

	// The older name of the same key.
	const path = "ConnectionStrings:IdentityMesh"
	older := top.sub("ConnectionStrings")
	if n := older.text("IdentityMesh", true); n != nil {
		switch {
		case p.SqlConnectionString.IsZero():
			p.SqlConnectionString = secret.NewValue([]byte(n.text))
			r.reoriginate("IdentityMesh:SqlConnectionString", n.origin)
		case n.text != string(p.SqlConnectionString.Reveal()):
			r.fail(n, path, "it differs from IdentityMesh:SqlConnectionString, which means the same: remove one of them")
		}
	}

	retention := s.sub("Retention")
	defer retention.done()
	const aCentury = 36_500
	p.Retention.RunHistoryDays = retention.integer("RunHistoryDays", 0, 0, aCentury)
	p.Retention.ConnectorLogDays = retention.integer("ConnectorLogDays", 0, 0, aCentury)
	p.Retention.AuditDays = retention.integer("AuditDays", 0, 0, aCentury)
	p.Retention.ObjectAuditDays = retention.integer("ObjectAuditDays", 400, 0, aCentury)
	return p
}

// maxInstanceName is what a database column and service managers take alike.
const maxInstanceName = 128

// instanceName reads the name under which an engine registers.
func (s *section) instanceName() string {
	const name, fallback = "InstanceName", "IdentityMeshEngine"
	n := s.text(name, false)
	switch {
	case n == nil:
		return inForce(s.reader, s.at(name), fallback)
	case strings.ContainsAny(n.text, `/\`), strings.TrimSpace(n.text) != n.text,
		utf8.RuneCountInString(n.text) > maxInstanceName:
		s.fail(n, s.at(name), "expected at most %d characters without '/', '\\' and blanks around them, found %s",
			maxInstanceName, quote(n))
		return fallback
	}
	return n.text
}

func (r *reader) secrets(s *section) Secrets {
	defer s.done()
	out := Secrets{Provider: s.plain("Provider", ""), Strict: s.boolean("Strict", false)}
	out.KeyVault = s.raw("KeyVault", &out.KeyVaultProblems)
	out.Plugins = map[string]Plugin{}
	plugins := s.sub("Plugins")
	if plugins.node == nil {
		return out
	}
	for _, m := range plugins.node.members {
		if m.name == "" || strings.ContainsFunc(m.name, func(c rune) bool { return c == ':' || unicode.IsControl(c) }) {
			r.fail(m, plugins.at(m.name), "a plugin's name must not be empty and must not contain ':' or control characters")
			continue
		}
		if s := plugins.sub(m.name); s.node != nil {
			out.Plugins[m.name] = r.plugin(m.name, s)
		}
	}
	return out
}

var (
	sha256Pattern   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	platformPattern = regexp.MustCompile(`^[a-z0-9]+/[a-z0-9]+$`)
	variablePattern = regexp.MustCompile(`^[^=\x00-\x1f\x7f]+$`)
)

func (r *reader) plugin(name string, s *section) Plugin {
	defer s.done()
	p := Plugin{
		Name:    name,
		Path:    s.folderOrFile("Path"),
		Version: s.plain("Version", ""),
		Environment: s.list("Environment", func(name string) error {
			if !variablePattern.MatchString(name) {
				return errors.New("expected the name of an environment variable, without a value")
			}
			return nil
		}),
		Config: s.raw("Config", &r.diags),
	}
	if !s.node.member("Path").isSet() {
		r.diags.Errorf(s.at("Path"), "required: the file of the plugin's program")
	}
	p.Sha256 = s.fileHash("Sha256", name)
	if n := s.node.member("Config"); n.isSet() && n.kind != kindObject {
		r.fail(n, s.at("Config"), "expected an object, found %s", n.kind)
	}
	return p
}

// fileHash reads a SHA-256, or an object with one for each platform, and returns
// the one of this platform. Without one the plugin's file is not trusted, which
// is a matter of that plugin alone and no reason to refuse the configuration.
func (s *section) fileHash(name, plugin string) string {
	if n := s.node.member(name); n == nil || n.kind != kindObject {
		if n := s.text(name, false); n != nil {
			return s.digits(name, n)
		}
		if !n.isSet() {
			s.diags.Warnf(s.at(name), "not set, so the file at Path is not trusted and will not be started; "+
				"if it is the one you trust, run: secretscli plugin lock %s", plugin)
		}
		return ""
	}
	platforms := s.sub(name)
	hash := ""
	for _, m := range platforms.node.members {
		if !platformPattern.MatchString(m.name) {
			s.fail(m, platforms.at(m.name), "expected a platform such as %s", thisPlatform)
			continue
		}
		if n := platforms.text(m.name, false); n != nil {
			if digits := platforms.digits(m.name, n); m.name == thisPlatform {
				hash = digits
			}
		}
	}
	if !platforms.node.member(thisPlatform).isSet() {
		s.diags.Warnf(s.at(name), "it has no entry for %s, so the file at Path is not trusted and will not be started; "+
			"if it is the one you trust, run: secretscli plugin lock %s", thisPlatform, plugin)
	}
	return hash
}

// thisPlatform is how the hashes of plugins' files name where we run.
const thisPlatform = runtime.GOOS + "/" + runtime.GOARCH

func (s *section) digits(name string, n *node) string {
	hash := fold(n.text)
	if !sha256Pattern.MatchString(hash) {
		s.fail(n, s.at(name), "expected 64 hexadecimal digits, found %s", quote(n))
	}
	return hash
}

func (r *reader) engine(s *section) Engine {
	defer s.done()
	return Engine{
		PollInterval: s.duration("PollInterval", time.Second, 10*time.Millisecond, time.Hour),
		// Others take an engine for dead after three minutes of silence.
		HeartbeatInterval: s.duration("HeartbeatInterval", 20*time.Second, 100*time.Millisecond, time.Minute),
		MaxConcurrentRuns: s.integer("MaxConcurrentRuns", 4, 1, 256),
		RunTimeout:        s.duration("RunTimeout", 12*time.Hour, time.Second, 30*24*time.Hour),
		SecretTimeout:     s.duration("SecretTimeout", 30*time.Second, 100*time.Millisecond, 10*time.Minute),
	}
}

func (r *reader) logging(s *section) Logging {
	// The .NET host reads the same section. What it knows is not ours to warn about.
	s.known = append(s.known, "LogLevel", "IncludeScopes", "Console", "Debug", "EventLog", "EventSource")
	defer s.done()
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	file := s.sub("File")
	defer file.done()
	return Logging{
		File: LogFile{
			Folder:  file.folderOrFile("Folder"),
			MaxSize: file.integer("MaxSize", 20, 1, 1024), MaxFiles: file.integer("MaxFiles", 10, 1, 1000),
		},
		Level:  levels[s.choice("Level", "info", "debug", "info", "warn", "error")],
		Format: s.choice("Format", "json", "json", "text"),
	}
}

// reoriginate changes where the value of a key that was already read came from.
func (r *reader) reoriginate(path, origin string) {
	i := slices.IndexFunc(r.keys, func(k Key) bool { return k.Path == path })
	r.keys[i].Origin = origin
}
