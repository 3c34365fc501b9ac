package keyvault

import (
	"context"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

// probeName cannot be the name of a ref: those end in 32 hexadecimal digits.
const probeName = "im-permission-check"

// Check makes one cheap request for each right that can be tried without harm.
func (p *Provider) Check(ctx context.Context) (provider.CheckReport, error) {
	ctx, cancel := p.bounded(ctx)
	defer cancel()
	report := provider.CheckReport{Target: p.vault.Host()}
	report.Results = append(report.Results,
		tried("read", func() (string, error) {
			_, _, err := p.vault.Get(ctx, vault.Target{Name: probeName}, "")
			if fault.Is(err, fault.NotFound, fault.Disabled) {
				err = nil // only those who may read are told so
			}
			return "values may be read", err
		}),
		tried("list", func() (string, error) {
			_, _, err := p.vault.Page(ctx, "")
			return "secrets may be listed", err
		}),
		provider.CheckResult{Name: "write", Skipped: true,
			Message: "not tried, because every write leaves a version in the vault; it needs the role Key Vault Secrets Officer"},
	)
	p.identify(ctx)
	report.Identity = p.credential.Identity()
	return report, nil
}

func tried(name string, try func() (string, error)) provider.CheckResult {
	start := time.Now()
	message, err := try()
	if err != nil {
		message = err.Error()
	}
	return provider.CheckResult{Name: name, OK: err == nil, Message: message, Latency: time.Since(start)}
}
