package persona

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"google.golang.org/grpc"

	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
)

// moment is long enough for an answer to leave the process.
const moment = 50 * time.Millisecond

// onTrigger does something when [Trigger] is read.
func onTrigger(do func()) grpc.UnaryServerInterceptor {
	return on(func(_ scene, req *pb.GetRequest, next func() (*pb.GetResponse, error)) (*pb.GetResponse, error) {
		if req.GetRef() == Trigger {
			do()
		}
		return next()
	})
}

// quitters stop, one way or another.
func quitters() []Persona {
	return []Persona{
		{Name: "frozen", About: "Is stopped by a signal when the trigger is read.", part: part{call: onTrigger(freeze)}},
		{Name: "frozen-after-configure", About: "Is stopped by a signal right after Configure.", part: part{configured: func(*stage) {
			time.Sleep(moment)
			freeze()
		}}},
		{Name: "stuck", About: "Answers no call after Configure, while its process is well.", part: part{
			call: func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
				switch req.(type) {
				case *pb.GetInfoRequest, *pb.ConfigureRequest, *pb.DrainRequest:
					return handle(ctx, req)
				}
				select {}
			}, stays: true}},
		{Name: "crash-loop", About: "Dies a moment after it is ready, every time.", part: part{configured: func(s *stage) {
			time.Sleep(moment)
			fmt.Fprintln(s.stderr, "out of luck")
			os.Exit(4)
		}}},
		{Name: "crash-on-read", About: "Dies when the trigger is read.", part: part{call: onTrigger(func() { os.Exit(5) })}},
		{Name: "crash-on-configure", About: "Dies of its configuration.", part: part{
			call: on(func(scene, *pb.ConfigureRequest, func() (*pb.ConfigureResponse, error)) (*pb.ConfigureResponse, error) {
				os.Exit(6)
				return nil, nil
			})}},
		{Name: "commits-then-dies", About: "Stores what Set asks for and dies before it answers.", part: part{
			call: on(func(_ scene, _ *pb.SetRequest, next func() (*pb.SetResponse, error)) (*pb.SetResponse, error) {
				_, _ = next()
				os.Exit(7)
				return nil, nil
			})}},
		{Name: "leaves-files", About: "Leaves files and a socket in the folder of its host when it is killed.", part: part{configured: func(*stage) {
			folder := os.Getenv("PLUGIN_UNIX_SOCKET_DIR")
			if folder == "" {
				return // as on Windows
			}
			_ = os.MkdirAll(filepath.Join(folder, "deep", "down"), 0o700)
			_ = os.WriteFile(filepath.Join(folder, "deep", "down", "left"), []byte("left"), 0o400)
			_ = os.Chmod(filepath.Join(folder, "deep", "down"), 0o500)
			_, _ = net.Listen("unix", filepath.Join(folder, "left"))
		}}},
	}
}

// clingers do not leave, or leave something behind.
func clingers() []Persona {
	block := func(scene, *pb.DrainRequest, func() (*pb.DrainResponse, error)) (*pb.DrainResponse, error) { select {} }
	return []Persona{
		{Name: "ignores-drain", About: "Ignores Drain, the end of stdin and every signal that can be ignored.",
			Breaks: []string{"drained-plugin-takes-no-new-calls", "plugin-leaves-when-stdin-ends"},
			part: part{stays: true, call: on(block), first: func(*stage) {
				signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			}}},
		{Name: "ignores-stdin", About: "Does not leave when stdin ends.",
			Breaks: []string{"plugin-leaves-when-stdin-ends"}, part: part{stays: true}},
		{Name: "drain-does-nothing", About: "Answers Drain and serves on as before.",
			Breaks: []string{"drained-plugin-takes-no-new-calls"},
			part: part{call: on(func(scene, *pb.DrainRequest, func() (*pb.DrainResponse, error)) (*pb.DrainResponse, error) {
				return &pb.DrainResponse{}, nil
			})}},
		{Name: "drain-kills", About: "Ends its process on Drain, with calls under way.",
			Breaks: []string{"drain-does-not-end-the-process-too-early"},
			part: part{call: on(func(_ scene, _ *pb.DrainRequest, next func() (*pb.DrainResponse, error)) (*pb.DrainResponse, error) {
				time.AfterFunc(time.Millisecond, func() { os.Exit(0) })
				return next()
			})}},
		{Name: "forks-children", About: "Forks children that hold its pipes open and outlive it.",
			part: part{configured: func(s *stage) {
				for range 3 {
					s.spawn(childSleeps, false)
				}
			}, call: onTrigger(func() { os.Exit(8) })}},
		{Name: "escapes", About: "Forks a grandchild into a session of its own, whose parent is gone.",
			Breaks: []string{"plugin-leaves-no-process-behind"},
			part:   part{configured: func(s *stage) { s.spawn(childForks, true) }, call: onTrigger(func() { os.Exit(9) })}},
	}
}

// The names that a persona starts itself under for what it forks.
const (
	childSleeps = "child"
	childForks  = "forker"
)

// child plays what a persona forked; it reports false for every other name.
func child(name string) bool {
	switch name {
	case childSleeps:
		signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		time.Sleep(time.Hour)
	case childForks:
		(&stage{stdout: os.Stdout, stderr: os.Stderr}).spawn(childSleeps, true)
	default:
		return false
	}
	return true
}

// spawn starts this program again under another name, with the pipes of the
// plugin in its hands.
func (s *stage) spawn(name string, away bool) {
	self, err := os.Executable()
	if err == nil {
		cmd := exec.Command(self)
		cmd.Args = []string{prefix + name}
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, s.stdout, s.stderr
		if away {
			goAway(cmd)
		}
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(s.stderr, "the child was not born:", err)
	}
}
