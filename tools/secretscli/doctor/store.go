package doctor

import (
	"context"
	"fmt"

	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/host/catalog"
	"github.com/identitymesh/identitymesh/sdk/provider"
)

// ask reports what the plugin says works right now.
func ask(ctx context.Context, store Store, c catalog.Choice, r *Report) {
	settings := "the provider's settings are in " + c.Plugin.ConfigPath
	report, err := store.Check(ctx)
	switch {
	case fault.Is(err, fault.Unsupported):
		r.add(Check{Name: "store", Status: Skip, Message: "the plugin has no check of its own; it runs"})
		return
	case err != nil:
		r.add(Check{Name: "store", Status: Fail, Message: err.Error(), Next: "mend what the message says; " + settings})
		return
	}
	r.add(Check{Name: "store", Status: OK, Message: orElse(report.Target, "the plugin does not name it")})
	if report.Identity == "" {
		r.add(Check{Name: "identity", Status: Skip, Message: "the plugin does not name who it is signed in as"})
	} else {
		r.add(Check{Name: "identity", Status: OK, Message: report.Identity})
	}
	for _, result := range report.Results {
		r.add(right(result, report, settings))
	}
}

func right(result provider.CheckResult, report provider.CheckReport, settings string) Check {
	check := Check{Name: result.Name, Status: Fail, Message: orElse(result.Message, "the plugin does not say more"), Latency: result.Latency}
	switch {
	case result.Skipped:
		check.Status = Skip
	case result.OK:
		check.Status = OK
	default:
		check.Next = fmt.Sprintf("see that %s can be reached and that %s may do this; %s",
			orElse(report.Target, "the store"), orElse(report.Identity, "the account of the plugin"), settings)
	}
	return check
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
