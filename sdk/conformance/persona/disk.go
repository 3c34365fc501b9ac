package persona

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/identitymesh/identitymesh/sdk/diag"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/template/filestore"
)

// folderOf reads the one key of the good plugin's configuration.
func folderOf(config []byte) string {
	var c struct{ Folder string }
	_ = json.Unmarshal(config, &c)
	return c.Folder
}

// forgetful notes which process stored what, and removes what the dead ones did.
func forgetful() part {
	var folder atomic.Value
	p := onSet(func(_ scene, _ *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
		resp, err := next()
		if at, _ := folder.Load().(string); err == nil {
			m := resp.GetMetadata()
			_ = os.WriteFile(filepath.Join(at, fmt.Sprintf(".by-%d-%s-%s", os.Getpid(), m.GetName(), m.GetVersion())), nil, 0o600)
		}
		return resp, err
	})
	p.define = func(d *provider.Definition[*filestore.Store]) {
		d.Open = func(ctx context.Context, env provider.Environment) (*filestore.Store, diag.List) {
			at := folderOf(env.Config)
			folder.Store(at)
			notes, _ := filepath.Glob(filepath.Join(at, ".by-*"))
			for _, note := range notes {
				parts := strings.SplitN(filepath.Base(note), "-", 5) // .by-PID-im-HASH-NUMBER-RANDOM
				if len(parts) == 5 && !runs(parts[1]) {
					_, _ = os.Remove(filepath.Join(at, parts[2]+"-"+parts[3], parts[4])), os.Remove(note)
				}
			}
			return filestore.Open(ctx, env)
		}
	}
	return p
}

// halfWritten makes of each large write one that takes a while, with half a secret in
// the store meanwhile.
func halfWritten() part {
	var folder atomic.Value
	p := onSet(func(_ scene, req *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
		resp, err := next()
		if err != nil || len(req.GetValue()) < 100<<10 {
			return resp, err
		}
		at, _ := folder.Load().(string)
		m := resp.GetMetadata()
		path := filepath.Join(at, m.GetName(), m.GetVersion())
		whole, failed := os.ReadFile(path)
		if failed == nil {
			_ = os.WriteFile(path, whole[:len(whole)/2], 0o600)
			time.Sleep(moment)
			failed = os.WriteFile(path, whole, 0o600)
		}
		return resp, failed
	})
	p.define = func(d *provider.Definition[*filestore.Store]) {
		d.Open = func(ctx context.Context, env provider.Environment) (*filestore.Store, diag.List) {
			folder.Store(folderOf(env.Config))
			return filestore.Open(ctx, env)
		}
	}
	return p
}
