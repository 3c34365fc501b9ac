package conformance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/fault/wire"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

// suite is one run: the plugin's processes, what was written, what was seen.
type suite struct {
	config      Config
	sha256, dir string
	folder      *launch.Folder
	run         string // random, part of every ref
	leaks       *leaks
	seen        observed

	// Set by prepare, before any case runs.
	info     facade.Info
	broken   error                      // why the first process cannot be used
	brokenBy string                     // the case that this is about
	unserved map[facade.Capability]bool // capabilities that are claimed and not served

	shared, second, scratch slot

	mu        sync.Mutex
	plugins   []*plugin
	deaths    []string // of processes that nobody ended
	escapes   int      // processes that left the group of theirs
	written   map[string]bool
	made      *subject
	makeOnce  sync.Once
	makeErr   error
	judging   sync.Once
	judges    *facade.V1
	judgesErr error
	// escapesErr is set where nobody can look for escapes.
	escapesErr error
}

// subject is a secret that is there for every case to read, and that none changes.
type subject struct {
	ref   string
	value []byte
}

// prefix begins every ref that the run writes.
func (s *suite) prefix() string { return "secret://conformance/" + s.run + "/" }

// prepare starts the first process and learns what it claims and serves.
func (s *suite) prepare(ctx context.Context) {
	p := &plugin{suite: s, stdout: &tape{}, stderr: &tape{}}
	if s.broken = s.launch(ctx, p); s.broken != nil {
		s.brokenBy = s.blame(string(p.stdout.bytes()))
		return
	}
	got, err := p.GetInfo(ctx, &pb.GetInfoRequest{HostContractMinor: contract.Minor})
	if err != nil {
		s.broken, s.brokenBy = outcome("GetInfo", err), caseInfo
		if f := wire.FromError(err); status.Code(err) == codes.Unavailable && len(status.Convert(err).Details()) == 0 && !p.gone() {
			s.broken, s.brokenBy = fmt.Errorf("no connection came about: %s", f.Message), caseConnection
		}
		return
	}
	s.info = infoOf(got)
	if err := p.configure(ctx, s.config.Config); err != nil {
		s.broken, s.brokenBy = err, caseConfigure
		return
	}
	s.shared.process = p
	for _, c := range s.info.Capabilities {
		if s.isUnserved(ctx, p, c) {
			s.unserved[c] = true
		}
	}
}

// blame names the rule that a process broke which did not become a plugin, by the
// line that it wrote.
func (s *suite) blame(stdout string) string {
	line, _, _ := strings.Cut(stdout, "\n")
	fields := strings.Split(strings.TrimSpace(line), "|")
	if len(fields) < 5 || fields[0] != "1" || fields[4] != "grpc" {
		return caseStart
	}
	switch {
	case !slices.ContainsFunc(facade.Served(), func(m facade.Major) bool { return fmt.Sprint(m.Number) == fields[1] }):
		return caseMajor
	case fields[2] == "unix" && !strings.HasPrefix(fields[3], s.folder.Path()):
		return caseSocket
	case len(fields) < 6 || fields[5] == "":
		return caseConnection
	}
	return caseStart
}

// infoOf reads what facade.OpenV1 would refuse as well, because what is wrong
// with it is a case of its own.
func infoOf(got *pb.GetInfoResponse) facade.Info {
	l := got.GetLimits()
	info := facade.Info{
		Name: wire.Cut(got.GetName(), contract.MaxTextBytes), Version: wire.Cut(got.GetVersion(), contract.MaxTextBytes),
		Commit: wire.Cut(got.GetCommit(), contract.MaxTextBytes), Major: contract.Major, Minor: int(got.GetContractMinor()),
		Limits: provider.Limits{
			MaxValueBytes: within(l.GetMaxValueBytes(), contract.MaxValueBytes),
			MaxRefBytes:   within(l.GetMaxRefBytes(), contract.MaxRefBytes), CallsPerSecond: l.GetCallsPerSecond(),
		},
	}
	for c, name := range capabilityNames() {
		if slices.Contains(got.GetCapabilities(), c) {
			info.Capabilities = append(info.Capabilities, name)
		}
	}
	slices.Sort(info.Capabilities)
	return info
}

func capabilityNames() map[pb.Capability]facade.Capability {
	return map[pb.Capability]facade.Capability{
		pb.Capability_CAPABILITY_LIST: facade.List, pb.Capability_CAPABILITY_LIST_COMPLETE: facade.ListComplete,
		pb.Capability_CAPABILITY_VERSIONS: facade.Versions, pb.Capability_CAPABILITY_WRITE: facade.Write,
		pb.Capability_CAPABILITY_CONDITIONAL_SET: facade.ConditionalSet, pb.Capability_CAPABILITY_DELETE: facade.Delete,
		pb.Capability_CAPABILITY_SOFT_DELETE: facade.SoftDelete, pb.Capability_CAPABILITY_RECOVER: facade.Recover,
		pb.Capability_CAPABILITY_PURGE: facade.Purge, pb.Capability_CAPABILITY_EXPIRY: facade.Expiry,
		pb.Capability_CAPABILITY_TAGS: facade.Tags, pb.Capability_CAPABILITY_HOST_BOUND: facade.HostBound,
	}
}

func within(n uint32, limit int) int {
	if n == 0 {
		return limit
	}
	return min(int(n), limit)
}

// claims reports whether the plugin claims c and serves it.
func (s *suite) claims(c facade.Capability) bool {
	return s.info.Capabilities.Has(c) && !s.unserved[c]
}

// slot holds a process that cases share. One that died is replaced, and its death
// is noted.
type slot struct {
	mu      sync.Mutex
	process *plugin
	died    time.Time // when one was last found dead
}

func (l *slot) get(start func() (*plugin, error)) (*plugin, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.process != nil {
		select {
		case <-l.process.process.Done():
			l.process.noteDeath()
			l.died = time.Now()
		default:
			return l.process, nil
		}
	}
	p, err := start()
	if err != nil {
		return nil, err
	}
	l.process = p
	return p, nil
}

// diedSince reports whether a process has died since then; that may be noticed
// only now.
func (l *slot) diedSince(then time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.process != nil && l.process.gone() {
		l.process.noteDeath()
		return true
	}
	return l.died.After(then)
}

// plugin returns the process that most cases share.
func (s *suite) plugin(ctx context.Context) (*plugin, error) {
	return s.shared.get(func() (*plugin, error) { return s.configured(ctx) })
}

// pair returns that process and another one on the same store.
func (s *suite) pair(ctx context.Context) (one, other *plugin, err error) {
	if one, err = s.plugin(ctx); err != nil {
		return nil, nil, err
	}
	other, err = s.second.get(func() (*plugin, error) { return s.configured(ctx) })
	return one, other, err
}

// tried returns a process for configurations of which most are wrong.
func (s *suite) tried(ctx context.Context) (*plugin, error) {
	return s.scratch.get(func() (*plugin, error) { return s.start(ctx) })
}

// subject returns the secret that every case may read.
func (s *suite) subject(ctx context.Context) (subject, error) {
	s.makeOnce.Do(func() { s.made, s.makeErr = s.makeSubject(ctx) })
	if s.makeErr != nil {
		return subject{}, s.makeErr
	}
	return *s.made, nil
}

func (s *suite) makeSubject(ctx context.Context) (*subject, error) {
	if len(s.config.Seeds) > 0 {
		return &subject{s.config.Seeds[0].Ref, s.config.Seeds[0].Value}, nil
	}
	if !s.claims(facade.Write) {
		return nil, unmet("the plugin does not write, and the run was given no secret that is there already")
	}
	p, err := s.plugin(ctx)
	if err != nil {
		return nil, err
	}
	made := &subject{s.prefix() + "subject", s.leaks.value(64)}
	_, err = p.set(ctx, made.ref, made.value)
	return made, err
}

// clean removes what the run wrote and returns what is left. It goes on for a
// while when the caller gave up.
func (s *suite) clean(ctx context.Context) []string {
	if s.broken != nil || len(s.written) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanLimit)
	defer cancel()
	refs := s.refs()
	if !s.claims(facade.Delete) {
		return refs
	}
	p, err := s.plugin(ctx)
	if err != nil {
		return refs
	}
	left := make([]string, len(refs))
	turns := make(chan struct{}, atOnce)
	parallel(len(refs), func(i int) {
		turns <- struct{}{}
		defer func() { <-turns }()
		if !s.remove(ctx, p, refs[i]) {
			left[i] = refs[i]
		}
	})
	return slices.DeleteFunc(left, func(ref string) bool { return ref == "" })
}

// refs are those that the run tried to write.
func (s *suite) refs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.written))
}

// remove deletes a secret, for ever where that can be done.
func (s *suite) remove(ctx context.Context, p *plugin, ref string) bool {
	_, err := p.Delete(ctx, &pb.DeleteRequest{Ref: ref})
	if err != nil && !isOne(err, fault.NotFound, fault.Deleted, fault.InvalidRef) {
		return false
	}
	if !s.claims(facade.Purge) {
		return true
	}
	_, err = p.Purge(ctx, &pb.PurgeRequest{Ref: ref})
	return err == nil || isOne(err, fault.NotFound, fault.InvalidRef)
}

// stopAll ends every process and whatever they started.
func (s *suite) stopAll() {
	s.mu.Lock()
	all := slices.Clone(s.plugins)
	s.mu.Unlock()
	for _, p := range all {
		if !p.ended.Load() {
			p.noteEscaped()
		}
	}
	parallel(len(all), func(i int) { all[i].stop() })
	// What was forked in the very moment of an end can outlive it.
	left, _ := escaped(0, s.folder.Path())
	for _, pid := range left {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.escapes += len(left)
}

func (s *suite) close() error {
	s.stopAll()
	return errors.Join(s.folder.Close(), os.RemoveAll(s.dir))
}

// processDiedSince reports whether one that cases share has died since then.
func (s *suite) processDiedSince(then time.Time) bool {
	a, b, c := s.shared.diedSince(then), s.second.diedSince(then), s.scratch.diedSince(then)
	return a || b || c
}

// died notes a process that ended though nobody asked it to.
func (s *suite) died(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaths = append(s.deaths, text)
}

// reason is that of a call's error, fault.OK for success.
func reason(err error) fault.Reason {
	if err == nil {
		return fault.OK
	}
	return wire.FromError(err).Reason
}

func isOne(err error, reasons ...fault.Reason) bool { return slices.Contains(reasons, reason(err)) }

// outcome names the call beside what it answered.
func outcome(call string, err error) error {
	return fmt.Errorf("%s: %w", call, wire.FromError(err))
}

const letters = "abcdefghijklmnopqrstuvwxyz0123456789"

// random returns n random letters and digits, for names and not for secrecy.
func random(n int) string {
	out := make([]byte, n)
	for i := range out {
		out[i] = letters[rand.IntN(len(letters))]
	}
	return string(out)
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
