package dpapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/user"
	"time"

	"github.com/identitymesh/identitymesh/plugins/dpapi/protector"
	"github.com/identitymesh/identitymesh/plugins/dpapi/rows"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

// Check tries the key of this host and the rights on the table. It changes
// nothing: the write that it tries is rolled back.
func (p *Provider) Check(ctx context.Context) (provider.CheckReport, error) {
	table, openErr := p.database.open(ctx)
	report := provider.CheckReport{Target: p.database.target(ctx), Identity: osUser()}
	for _, try := range []struct {
		name string
		do   func(context.Context, *rows.Table) (string, error)
	}{{"read", p.tryRead}, {"write", p.tryWrite}, {"list", p.tryList}} {
		start := time.Now()
		result := provider.CheckResult{Name: try.name}
		message, err := "", openErr
		if err == nil {
			message, err = try.do(ctx, table)
		}
		result.OK, result.Message, result.Latency = err == nil, message, time.Since(start)
		if err != nil {
			result.Message = err.Error()
		}
		report.Results = append(report.Results, result)
	}
	return report, nil
}

func (p *Provider) tryRead(ctx context.Context, table *rows.Table) (string, error) {
	sealer, err := p.host.Current(ctx)
	if err != nil {
		return "", protectorFault(err)
	}
	if err := roundTrip(sealer); err != nil {
		return "", err
	}
	if _, _, err := table.Page(ctx, "", 1); err != nil {
		return "", databaseFault(ctx, "read", err)
	}
	return "sealing and opening work on host " + person(sealer.Identity()), nil
}

func roundTrip(sealer *protector.Protector) error {
	probe := make([]byte, 32)
	if _, err := rand.Read(probe); err != nil {
		return fault.Wrap(fault.Internal, fault.SourcePlugin, "make a probe", err)
	}
	sealed, err := sealer.Seal(probe, []byte("check"))
	if err != nil {
		return fault.Wrap(fault.Internal, fault.SourcePlugin, "", err)
	}
	opened, err := sealer.Open(sealed, []byte("check"))
	if err != nil {
		return fault.Wrap(fault.Undecryptable, fault.SourcePlugin, "open what was just sealed", err)
	}
	if !bytes.Equal(opened, probe) {
		return fault.New(fault.Corrupt, fault.SourcePlugin, "what was just sealed opens as something else")
	}
	return nil
}

func (p *Provider) tryWrite(ctx context.Context, table *rows.Table) (string, error) {
	if err := table.ProbeWrite(ctx); err != nil {
		return "", databaseFault(ctx, "write", err)
	}
	return "insert, update and delete work", nil
}

func (p *Provider) tryList(ctx context.Context, table *rows.Table) (string, error) {
	sealer, err := p.host.Current(ctx)
	if err != nil {
		return "", protectorFault(err)
	}
	all, foreign, err := table.Count(ctx, sealer.Identity().HostID)
	if err != nil {
		return "", databaseFault(ctx, "list", err)
	}
	return fmt.Sprintf("%d secrets, %d of them written by another host or product", all, foreign), nil
}

// osUser is who the operating system says we are: it decides over the key file.
func osUser() string {
	u, err := user.Current()
	if err != nil {
		return fmt.Sprintf("user %d", os.Geteuid())
	}
	return u.Username
}
