package persona

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
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

// forgetful keeps everything in a folder of its process only.
func forgetful() part {
	return part{define: func(d *provider.Definition[*filestore.Store]) {
		d.Open = func(ctx context.Context, env provider.Environment) (*filestore.Store, diag.List) {
			if folder := folderOf(env.Config); filepath.IsAbs(folder) {
				folder = filepath.Join(folder, fmt.Sprint("process-", os.Getpid()))
				_ = os.MkdirAll(folder, 0o700)
				env.Config, _ = json.Marshal(map[string]string{"Folder": folder})
			}
			return filestore.Open(ctx, env)
		}
	}}
}

// halfWritten makes of each write one that takes a while, with half a secret in
// the store meanwhile.
func halfWritten() part {
	var folder atomic.Value
	p := onSet(func(_ scene, _ *pb.SetRequest, next nextSet) (*pb.SetResponse, error) {
		resp, err := next()
		if err != nil {
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
