package bench

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/identitymesh/identitymesh/build/bench/bareplugin"
	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
	"github.com/identitymesh/identitymesh/sdk/host/launch"
)

const (
	startRounds = 25
	many        = 8
)

// PluginStart compares a start through our launch and facade, from opening the
// file to the answer of GetInfo, with a start through go-plugin's own client with
// AutoMTLS and SecureConfig, from the same to the answer of a unary call. Both
// binaries are stripped and, because both sides hash theirs, made equally large.
func PluginStart(ctx context.Context, e Env) ([]Figure, error) {
	ours, theirs := filepath.Join(e.Dir, "memplugin"), filepath.Join(e.Dir, "bareplugin")
	if err := goBuild(ctx, ours, "github.com/identitymesh/identitymesh/sdk/host/internal/memplugin"); err != nil {
		return nil, err
	}
	if err := goBuild(ctx, theirs, "github.com/identitymesh/identitymesh/build/bench/bareplugin/cmd/bareplugin"); err != nil {
		return nil, err
	}
	size, err := levelSizes(ours, theirs)
	if err != nil {
		return nil, err
	}
	body, err := os.ReadFile(theirs)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	body = nil
	s, err := newStarter(ours, e.Dir)
	if err != nil {
		return nil, err
	}
	defer s.folder.Close()
	var our, their, ratios []float64
	for round := range startRounds + 2 {
		begin := time.Now()
		p, err := s.start(ctx)
		a := time.Since(begin)
		if err != nil {
			return nil, err
		}
		p.Stop()
		begin = time.Now()
		stop, err := bareplugin.Start(ctx, theirs, sum[:])
		b := time.Since(begin)
		if err != nil {
			return nil, err
		}
		stop()
		if round < 2 {
			continue
		}
		our, their, ratios = append(our, ms(a)), append(their, ms(b)), append(ratios, float64(a)/float64(b))
	}
	e.say("plugin_start: %.1f ms through our host, %.1f ms through go-plugin, both with a file of %.1f MiB", median(our), median(their), float64(size)/mib)
	return []Figure{{Name: "plugin_start_vs_goplugin", Value: median(ratios), Goal: 1.5}}, nil
}

// PluginStartMany compares the time until eight plugins that are started at once
// are all ready with that of one.
func PluginStartMany(ctx context.Context, e Env) ([]Figure, error) {
	binary := filepath.Join(e.Dir, "memplugin")
	if err := goBuild(ctx, binary, "github.com/identitymesh/identitymesh/sdk/host/internal/memplugin"); err != nil {
		return nil, err
	}
	s, err := newStarter(binary, e.Dir)
	if err != nil {
		return nil, err
	}
	defer s.folder.Close()
	var one, all, ratios []float64
	busy, err := processorTime()
	if err != nil {
		return nil, err
	}
	for round := range startRounds + 2 {
		a, err := s.startAtOnce(ctx, 1)
		if err != nil {
			return nil, err
		}
		b, err := s.startAtOnce(ctx, many)
		if err != nil {
			return nil, err
		}
		if round < 2 {
			continue
		}
		one, all, ratios = append(one, ms(a)), append(all, ms(b)), append(ratios, float64(b)/float64(a))
	}
	end, err := processorTime()
	if err != nil {
		return nil, err
	}
	// Starts wait for nothing, so the processors are what more of them at once share.
	each := ms(end-busy) / ((startRounds + 2) * (1 + many))
	e.say("plugin_start: one is ready after %.1f ms, %d at once after %.1f ms; each takes %.1f ms of processor time with its end, so that %d cannot be ready much before %.1f ms on %d processors",
		median(one), many, median(all), each, many, each*many/float64(runtime.NumCPU()), runtime.NumCPU())
	return []Figure{{Name: "plugin_start_8_vs_1", Value: median(ratios), Goal: 2}}, nil
}

// processorTime returns what this process and its children that ended have used,
// see proc_pid_stat(5).
func processorTime() (time.Duration, error) {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, err
	}
	// The program's name, the second field, may have blanks.
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return 0, fmt.Errorf("/proc/self/stat has %d fields after the name", len(fields))
	}
	var ticks int64
	for _, f := range fields[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read /proc/self/stat: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// tick of the kernel's accounting on Linux, USER_HZ.
const tick = 10 * time.Millisecond

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }

// starter starts one binary as the host does.
type starter struct {
	binary, hash string
	folder       *launch.Folder
}

func newStarter(binary, dir string) (*starter, error) {
	hash, err := launch.Hash(binary)
	if err != nil {
		return nil, err
	}
	folder, err := launch.OpenFolder(filepath.Join(dir, "r"))
	return &starter{binary, hash, folder}, err
}

func (s *starter) start(ctx context.Context) (*launch.Process, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	p, err := launch.Start(ctx, launch.Config{
		Name: "mem", Path: s.binary, SHA256: s.hash, Pin: "the benchmark", Folder: s.folder,
		Logger: slog.New(slog.DiscardHandler), Tracer: tracenoop.NewTracerProvider(), Now: time.Now, Majors: []int{contract.Major},
	})
	if err != nil {
		return nil, err
	}
	if _, err := facade.OpenV1(ctx, p.Conn()); err != nil {
		p.Stop()
		return nil, fmt.Errorf("ask the plugin who it is: %w", err)
	}
	return p, nil
}

// startAtOnce returns when n plugins are ready, and stops them.
func (s *starter) startAtOnce(ctx context.Context, n int) (time.Duration, error) {
	var starts sync.WaitGroup
	processes, errs := make([]*launch.Process, n), make([]error, n)
	begin := time.Now()
	for i := range n {
		starts.Go(func() { processes[i], errs[i] = s.start(ctx) })
	}
	starts.Wait()
	took := time.Since(begin)
	var failure error
	for i, p := range processes {
		if errs[i] != nil {
			failure = errs[i]
			continue
		}
		starts.Go(func() { p.Stop() })
	}
	starts.Wait()
	return took, failure
}

// levelSizes makes the smaller file as large as the larger one, whose size it
// returns. What follows the sections of a program is not loaded.
func levelSizes(files ...string) (size int64, err error) {
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			return 0, err
		}
		size = max(size, info.Size())
	}
	for _, f := range files {
		if err := os.Truncate(f, size); err != nil {
			return 0, err
		}
	}
	return size, nil
}
