package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
)

// configureCases leave the processes that serve other cases alone.
func configureCases() []Case {
	return []Case{
		{Name: caseConfigure, Page: "plugin.md", Level: Core, About: "the configuration of the run makes it ready", run: starts},
		{Name: "configure-takes-what-settings-can-hold", Page: "plugin.md", Level: Core, About: "the same with its keys in capital and in small letters", run: configuresInAnyCase},
		{Name: "config-schema-is-what-configure-checks", Page: "plugin.md", Level: Core, About: "a key that the schema requires is missed, one of a wrong kind refused", run: checksItsSchema},
		{Name: "configure-refuses-what-is-no-object", Page: "plugin.md", Level: Core, About: "text that is no JSON object is an error, never a crash", run: refusesNonsense},
		{Name: "configure-reports-all-problems-at-once", Page: "plugin.md", Level: Core, About: "what is found alone is found together, each with its path", run: findsAllProblems},
		{Name: "configure-again-replaces-or-changes-nothing", Page: "plugin.md", Level: Core, About: "a second good one works, a bad one leaves the first in force", run: configuresAgain},
		{Name: "configure-does-not-wait-for-the-network", Page: "plugin.md", Level: Core, About: "it answers soon, with no connection to anywhere", run: configuresOffline},
		{Name: caseDiagnostics, Page: "plugin.md", Level: Core, About: "a value of a wrong configuration is not repeated", run: diagnosesDiscreetly},
		{Name: "unconfigured-plugin-says-so", Page: "plugin.md", Level: Core, About: "calls before Configure, and after one that failed, are CONFIG_INVALID of HOST", run: refusesUnconfigured},
		{Name: "messages-are-within-four-mebibytes", Page: "README.md", Level: Core, About: "a message of nearly 4 MiB is taken", run: takesLargeMessages},
		{Name: "unreachable-backend-has-the-source-backend", Page: "errors.md", Level: Core, About: "a store that is away is the fault of the backend", run: blamesTheBackend},
	}
}

// fresh runs do with a process of its own that is not configured yet.
func (t *trial) fresh(ctx context.Context, do func(*plugin) error) error {
	p, err := t.start(ctx)
	if err != nil {
		return err
	}
	defer p.stop()
	return do(p)
}

// trying runs do with the process that is there for wrong configurations.
func (t *trial) trying(ctx context.Context, do func(*plugin) error) error {
	p, err := t.tried(ctx)
	if err != nil {
		return err
	}
	return do(p)
}

// problems are what Configure says of config: all diagnostics, and the errors.
func (p *plugin) problems(ctx context.Context, config []byte) (all, errs []*pb.Diagnostic, err error) {
	got, err := p.Configure(ctx, &pb.ConfigureRequest{Config: config})
	if err != nil {
		return nil, nil, err
	}
	for _, d := range got.GetDiagnostics() {
		if d.GetSeverity() != pb.Diagnostic_SEVERITY_WARNING {
			errs = append(errs, d)
		}
	}
	return got.GetDiagnostics(), errs, nil
}

func configuresInAnyCase(ctx context.Context, t *trial) error {
	good, _, err := t.variants()
	if err != nil {
		return err
	}
	return t.trying(ctx, func(p *plugin) error {
		for how, change := range map[string]func(string) string{"capital": strings.ToUpper, "small": strings.ToLower} {
			body := map[string]json.RawMessage{}
			for key, value := range good {
				body[change(key)] = value
			}
			if err := p.configure(ctx, toJSON(body)); err != nil {
				t.failf("with the keys in %s letters: %w", how, err)
			}
		}
		return nil
	})
}

// checksItsSchema takes away what is required and gives an object for what is
// none, one key at a time.
func checksItsSchema(ctx context.Context, t *trial) error {
	return t.trying(ctx, func(p *plugin) error {
		info, err := p.GetInfo(ctx, &pb.GetInfoRequest{HostContractMinor: contract.Minor})
		if err != nil {
			return outcome("GetInfo", err)
		}
		if info.GetConfigSchema() == nil {
			return skipf("the plugin declares no schema")
		}
		good, _, err := t.variants()
		if err != nil {
			return err
		}
		for _, f := range info.GetConfigSchema().GetFields() {
			body := maps.Clone(good)
			maps.DeleteFunc(body, func(key string, _ json.RawMessage) bool { return strings.EqualFold(key, f.GetKey()) })
			if f.GetRequired() {
				t.refusesKey(ctx, p, body, f.GetKey(), "without the key, which is required")
			}
			if f.GetType() != pb.ConfigField_TYPE_OBJECT {
				body[f.GetKey()] = json.RawMessage(`{"unexpected":[1]}`)
				t.refusesKey(ctx, p, body, f.GetKey(), "with an object in its place")
			}
		}
		return nil
	})
}

func (t *trial) refusesKey(ctx context.Context, p *plugin, body map[string]json.RawMessage, key, how string) {
	_, errs, err := p.problems(ctx, toJSON(body))
	if err != nil {
		t.failf("the key %s: Configure %s: expected a diagnostic, got %s", key, how, told(err))
	} else if !slices.ContainsFunc(errs, about(key)) {
		t.failf("the key %s: Configure %s has no error at that path, expected one", key, how)
	}
}

func refusesNonsense(ctx context.Context, t *trial) error {
	return t.trying(ctx, func(p *plugin) error {
		for what, text := range map[string]string{
			"nothing": "", "null": "null", "an array": "[]", "a text": `"text"`, "a number": "42", "an object that does not end": `{"a":`,
			"no JSON": "key = value", "bytes that are no UTF-8": "\xff\xfe{\x00}\x00", "a hundred thousand open arrays": strings.Repeat("[", 100_000),
		} {
			_, errs, err := p.problems(ctx, []byte(text))
			if err != nil {
				t.failf("Configure with %s: expected a diagnostic, got %s", what, told(err))
			} else if len(errs) == 0 {
				t.failf("Configure with %s was accepted, expected an error among its diagnostics", what)
			}
		}
		return nil
	})
}

const unknownKey = "definitely-unknown-key"

// variants are the good configuration with one key wrong each: every key of its
// own with a value of another kind, and one that nobody knows.
func (s *suite) variants() (good map[string]json.RawMessage, wrong map[string]json.RawMessage, err error) {
	if err := json.Unmarshal(s.config.Config, &good); err != nil || good == nil {
		return nil, nil, unmet("the configuration of the run is no JSON object")
	}
	wrong = map[string]json.RawMessage{unknownKey: json.RawMessage(`{"unexpected":[1]}`)}
	for key, value := range good {
		kind := json.RawMessage(`{"unexpected":[1]}`)
		if bytes.HasPrefix(bytes.TrimSpace(value), []byte("{")) {
			kind = json.RawMessage(`[1]`)
		}
		wrong[key] = kind
	}
	return good, wrong, nil
}

func findsAllProblems(ctx context.Context, t *trial) error {
	good, wrong, err := t.variants()
	if err != nil {
		return err
	}
	return t.trying(ctx, func(p *plugin) error {
		var alone []string
		errors := 0
		for _, key := range slices.Sorted(maps.Keys(wrong)) {
			body := maps.Clone(good)
			body[key] = wrong[key]
			all, errs, err := p.problems(ctx, toJSON(body))
			switch {
			case err != nil:
				t.failf("Configure with a wrong value of %s: expected diagnostics, got %s", key, told(err))
			case slices.ContainsFunc(all, about(key)):
				alone = append(alone, key)
			case len(errs) > 0:
				t.failf("Configure with a wrong value of %s: no diagnostic has that path, got %s", key, paths(all))
			}
			errors += len(errs)
		}
		if errors == 0 {
			return fmt.Errorf("Configure accepts an object in the place of each value, expected an error")
		}
		body := maps.Clone(good)
		maps.Copy(body, wrong)
		all, _, err := p.problems(ctx, toJSON(body))
		if err != nil {
			return outcome("Configure with several problems", err)
		}
		for _, key := range alone {
			if !slices.ContainsFunc(all, about(key)) {
				t.failf("Configure finds the problem of %s when it is the only one and not among others, where it found %s", key, paths(all))
			}
		}
		return t.crowd(ctx, p, good)
	})
}

// crowd gives more keys that nobody knows than there may be diagnostics.
func (t *trial) crowd(ctx context.Context, p *plugin, good map[string]json.RawMessage) error {
	body := maps.Clone(good)
	for i := range 3 * contract.MaxDiagnostics {
		body[fmt.Sprintf("%s-%d", unknownKey, i)] = json.RawMessage("1")
	}
	if _, _, err := p.problems(ctx, toJSON(body)); err != nil {
		return outcome("Configure with many unknown keys", err)
	}
	return nil // their number is judged with every answer
}

// about reports whether a diagnostic is about key or something below it. Keys may
// have no case.
func about(key string) func(*pb.Diagnostic) bool {
	return func(d *pb.Diagnostic) bool {
		path, _, _ := strings.Cut(d.GetPath(), ":")
		return strings.EqualFold(path, key)
	}
}

func paths(all []*pb.Diagnostic) string {
	var out []string
	for _, d := range all {
		out = append(out, fmt.Sprintf("%q", wire.Cut(d.GetPath(), 100)))
	}
	return "the paths [" + strings.Join(out, " ") + "]"
}

func toJSON(v any) []byte {
	body, _ := json.Marshal(v) // maps of JSON that was read
	return body
}

func configuresAgain(ctx context.Context, t *trial) error {
	sub, err := t.subject(ctx)
	if err != nil {
		return err
	}
	return t.fresh(ctx, func(p *plugin) error {
		for _, when := range []string{"the first Configure", "a second one with the same configuration"} {
			if err := p.configure(ctx, t.config.Config); err != nil {
				return fmt.Errorf("%s: %w", when, err)
			}
			if err := p.holds(ctx, sub.ref, sub.value); err != nil {
				t.failf("after %s: %w", when, err)
			}
		}
		if _, errs, err := p.problems(ctx, []byte("[]")); err != nil || len(errs) == 0 {
			return nil // what is no object is another rule's matter
		}
		if err := p.holds(ctx, sub.ref, sub.value); err != nil {
			t.failf("after a Configure that failed, the one before should be in force: %w", err)
		}
		return nil
	})
}

// soon is far more than reading a configuration takes, and less than the limits
// of most networks.
const soon = 3 * time.Second

func configuresOffline(ctx context.Context, t *trial) error {
	bodies := [][]byte{t.config.Config}
	if t.config.Unreachable != nil {
		bodies = append(bodies, t.config.Unreachable)
	}
	for _, body := range bodies {
		err := t.fresh(ctx, func(p *plugin) error {
			watch, unwatched := watchConnections(p.process.PID())
			start := time.Now()
			err := p.configure(ctx, body)
			took := time.Since(start)
			if unwatched == nil {
				for _, c := range watch() {
					t.failf("during Configure it was connected to %s, expected no connection", c)
				}
			}
			if took > soon {
				t.failf("Configure took %s, expected it not to wait for anything", took.Round(time.Millisecond))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// diagnosesDiscreetly puts a mark into every value; the answers are looked
// through as they come.
func diagnosesDiscreetly(ctx context.Context, t *trial) error {
	good, _, err := t.variants()
	if err != nil {
		return err
	}
	mark := string(t.leaks.value(40))
	return t.trying(ctx, func(p *plugin) error {
		body := map[string]any{unknownKey: mark}
		for key := range good {
			body[key] = []string{mark}
		}
		texts := map[string]any{unknownKey: mark}
		for key := range good {
			texts[key] = mark
		}
		for what, text := range map[string][]byte{
			"values of another kind": toJSON(body), "texts in the place of all values": toJSON(texts),
			"text that is no JSON": []byte(mark), "JSON that breaks off": []byte(`{"password":"` + mark),
		} {
			if _, _, err := p.problems(ctx, text); err != nil {
				t.failf("Configure with %s: got %s", what, told(err))
			}
		}
		return nil
	})
}

func refusesUnconfigured(ctx context.Context, t *trial) error {
	return t.fresh(ctx, func(p *plugin) error {
		for _, when := range []string{"before Configure", "after a Configure that failed"} {
			for call, err := range t.callAll(ctx, p) {
				if err := wantFrom(call+" "+when, err, fault.ConfigInvalid, fault.SourceHost); err != nil {
					t.problem(err)
				}
			}
			if _, errs, err := p.problems(ctx, []byte("[]")); err != nil || len(errs) == 0 {
				return nil // another rule's matter
			}
		}
		return nil
	})
}

func takesLargeMessages(ctx context.Context, t *trial) error {
	return t.trying(ctx, func(p *plugin) error {
		body := bytes.TrimSpace(t.config.Config)
		// Blanks mean nothing in JSON. Some room is left for the message around it.
		body = append(bytes.Repeat([]byte(" "), contract.MaxMessageBytes-len(body)-1024), body...)
		if err := p.configure(ctx, body); err != nil {
			return fmt.Errorf("the good configuration with blanks before it, %d bytes: %w", len(body), err)
		}
		return nil
	})
}

func blamesTheBackend(ctx context.Context, t *trial) error {
	if t.config.Unreachable == nil {
		return skipf("the run was given no configuration of a store that cannot be reached")
	}
	return t.fresh(ctx, func(p *plugin) error {
		if err := p.configure(ctx, t.config.Unreachable); err != nil {
			return err
		}
		_, err := p.Get(ctx, &pb.GetRequest{Ref: t.ref("absent")})
		if err := want("Get from a store that cannot be reached", err, fault.Unavailable, fault.Timeout, fault.AuthFailed, fault.AccessDenied); err != nil {
			return err
		}
		if f := wire.FromError(err); f.Reason == fault.Unavailable && f.Source != fault.SourceBackend {
			return fmt.Errorf("Get from a store that cannot be reached: expected source BACKEND, got %s", f.Source)
		}
		return nil
	})
}
