package keyvault

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// Set makes the value current and logs under which name, so that an operator
// finds the entry in the vault. A deleted secret of that name is recovered first,
// never purged.
//
// When exactly this is current already, no version is made. That is decided by a
// read; a write of somebody else between it and our answer comes after ours, as
// if we had written. The service has no conditional write that could do better.
func (p *Provider) Set(ctx context.Context, req provider.SetRequest) (secret.Metadata, error) {
	ctx, cancel, wait := p.patiently(ctx)
	defer cancel()
	target := targetOf(req.Ref)
	if err := p.refuse(target, req); err != nil {
		return secret.Metadata{}, err
	}
	w := p.versionOf(req)
	current, is, err := p.isCurrent(ctx, target, w)
	p.identify(ctx)
	if err != nil {
		return secret.Metadata{}, vault.WithoutText(err, w.Text)
	}
	if is {
		m := metadata(req.Ref, current)
		p.logger.InfoContext(ctx, "secret in key vault has this value already, no version was made",
			telemetry.KeyRef, string(req.Ref), telemetry.KeyName, target.Name, telemetry.KeyVersion, string(m.Version))
		return m, nil
	}
	written, err := p.write(ctx, target, w, wait)
	if err != nil {
		return secret.Metadata{}, vault.WithoutText(err, w.Text)
	}
	m := metadata(req.Ref, written)
	p.logger.InfoContext(ctx, "secret written to key vault",
		telemetry.KeyRef, string(req.Ref), telemetry.KeyName, target.Name, telemetry.KeyVersion, string(m.Version))
	return m, nil
}

// refuse says, before anything is sent, what the service would not keep.
func (p *Provider) refuse(target vault.Target, req provider.SetRequest) error {
	switch {
	case req.Expected != nil:
		return fault.New(fault.Unsupported, fault.SourcePlugin,
			fmt.Sprintf("set %s: Key Vault cannot write on condition of a version", p.where(target)))
	case len(req.Value.Reveal()) > MaxValueBytes:
		return fault.New(fault.TooLarge, fault.SourceConfig,
			fmt.Sprintf("set %s: the value is larger than %d bytes, the most that Key Vault stores", p.where(target), MaxValueBytes))
	case !req.Expires.IsZero() && req.Expires.Unix() <= 0:
		return fault.New(fault.TooLarge, fault.SourceConfig,
			fmt.Sprintf("set %s: Key Vault keeps no expiry before 1970", p.where(target)))
	case len(req.Tags) > maxTags:
		return fault.New(fault.TooLarge, fault.SourceConfig,
			fmt.Sprintf("set %s: %d tags are more than the %d for which Key Vault has room beside ours", p.where(target), len(req.Tags), maxTags))
	}
	for k, v := range req.Tags {
		switch {
		case k == "" || len(k) > maxTag || len(v) > maxTag:
			return fault.New(fault.TooLarge, fault.SourceConfig,
				fmt.Sprintf("set %s: the key of a tag has 1 to %d bytes, its value at most %d", p.where(target), maxTag, maxTag))
		case isOurs(k):
			return fault.New(fault.Unsupported, fault.SourceConfig,
				fmt.Sprintf("set %s: tags that begin with %s are this provider's own", p.where(target), tagPrefix))
		}
	}
	return nil
}

// versionOf is what to write, but for its stamp.
func (p *Provider) versionOf(req provider.SetRequest) vault.Write {
	tags := tagsFor(req.Ref, p.instance)
	maps.Copy(tags, req.Tags)
	w := vault.Write{Text: encode(req.Value), ContentType: contentType, Tags: tags}
	if !req.Expires.IsZero() {
		w.Expires = req.Expires.UTC().Truncate(time.Second)
	}
	return w
}

// stamp is the time of a write, by which we know it afterwards. It is later than
// every one before it: a host's clock may be too coarse to tell two writes apart.
func (p *Provider) stamp() string {
	p.stampLock.Lock()
	defer p.stampLock.Unlock()
	if now := p.now(); now.After(p.stamped) {
		p.stamped = now
	} else {
		p.stamped = p.stamped.Add(time.Nanosecond)
	}
	return p.stamped.UTC().Format(time.RFC3339Nano)
}

// write makes the version, whatever the state of the name.
func (p *Provider) write(ctx context.Context, target vault.Target, w vault.Write, wait *patience) (vault.Properties, error) {
	const advice = "nothing was written, so set it again in a minute"
	old := "" // the version that a recovery brings back
	for waited := false; ; waited = true {
		written, err := p.send(ctx, target, w, wait)
		state, begun := vault.Transition(err), ""
		switch {
		case err == nil && waited:
			return written, p.prevails(ctx, target, written, old, wait)
		case fault.Is(err, fault.Deleted), state == vault.Changing && p.isDeleted(ctx, target):
			var refused error
			if begun, refused = p.recoverToSet(ctx, target, err); refused != nil {
				return vault.Properties{}, refused
			}
			if state = "deleted"; begun != "" {
				state, old = "being recovered", begun
			}
		case state == "":
			return written, err
		}
		if stop := wait.pause(ctx); stop != nil {
			return vault.Properties{}, p.gaveUp("set", target, wait, stop, state, advice, err)
		}
		if begun == "" {
			continue
		}
		// A vault that takes a write while it recovers could end with the old value.
		// Whoever may not look goes on.
		if stop := wait.until(ctx, func() bool {
			_, _, err := p.vault.Get(ctx, target, "")
			return !fault.Is(err, fault.NotFound)
		}); stop != nil {
			return vault.Properties{}, p.gaveUp("set", target, wait, stop, state, advice, nil)
		}
	}
}

// isDeleted looks for itself, for the services that are compatible with Key Vault
// but for the codes within its errors.
func (p *Provider) isDeleted(ctx context.Context, target vault.Target) bool {
	deleted, err := p.vault.IsDeleted(ctx, target)
	return err == nil && deleted
}

// prevails waits until what was written over a recovered secret is what is read,
// or what somebody else wrote since. Whoever may not look takes the vault's word.
func (p *Provider) prevails(ctx context.Context, target vault.Target, written vault.Properties, old string, wait *patience) error {
	var last error
	stop := wait.until(ctx, func() bool {
		_, current, err := p.vault.Get(ctx, target, "")
		last = err
		earlier := err == nil && (current.Version == old || at(current.Attributes.Created).Before(at(written.Attributes.Created)))
		return !earlier && !fault.Is(err, fault.NotFound)
	})
	if stop == nil {
		return nil
	}
	return p.gaveUp("set", target, wait, stop, "being recovered", "the new value was stored as version "+written.Version+
		" and is not yet the one that the vault serves, so read it in a minute", last)
}

// recoverToSet asks the vault to bring back the deleted secret that holds the
// name, and returns the version that comes back, none when it has not begun. When
// it refuses, the fault tells both.
func (p *Provider) recoverToSet(ctx context.Context, target vault.Target, held error) (string, error) {
	old, err := p.vault.Recover(ctx, target)
	switch {
	case err == nil:
		p.logger.InfoContext(ctx, "deleted secret holds the name in key vault and is being recovered",
			telemetry.KeyRef, string(target.Ref), telemetry.KeyName, target.Name)
		return old.Version, nil
	case vault.Transition(err) != "", fault.Is(err, fault.NotFound), vault.Uncertain(err) && ctx.Err() == nil:
		return "", nil // in the vault's good time, by somebody else, or perhaps: setting will tell
	}
	f := &fault.Error{Reason: fault.Of(err), Source: fault.SourceBackend, Cause: err}
	if f.Reason == fault.AccessDenied {
		f.Reason = fault.Deleted // which is what somebody with the right has to end
	}
	f.Message = fmt.Sprintf("set %s: a deleted secret holds this name, and it could not be recovered, so nothing was written; "+
		"whoever may recover it runs %q, then set it again", p.where(target), p.command("recover", target))
	quote(f, err)
	f.Message = cut(f.Message + "; on setting it the vault had said: " + said(held))
	return "", f
}
