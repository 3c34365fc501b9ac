package facade

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// What the host asks is checked before it is sent, so that a plugin need not be
// trusted to refuse it, and so that nothing is dropped in silence.

// need refuses a call that the plugin does not claim, without sending it.
func (f *V1) need(c Capability) error {
	if f.info.Capabilities.Has(c) {
		return nil
	}
	return fault.New(fault.Unsupported, fault.SourcePlugin,
		fmt.Sprintf("provider %s %s does not offer %s", f.info.Name, f.info.Version, c))
}

// askRef refuses a ref that cannot name a secret in this plugin's store.
func (f *V1) askRef(ref secret.Ref) error {
	if _, err := secret.ParseRef(string(ref)); err != nil {
		return fault.Wrap(fault.InvalidRef, fault.SourceConfig, "", err)
	}
	if len(ref) > f.info.Limits.MaxRefBytes {
		return fault.New(fault.InvalidRef, fault.SourceConfig,
			fmt.Sprintf("the ref has %d bytes, the limit of provider %s is %d", len(ref), f.info.Name, f.info.Limits.MaxRefBytes))
	}
	return nil
}

// askVersion refuses what no secret can have for a version.
func askVersion(v secret.Version) error {
	if len(v) > contract.MaxVersionBytes || !plain(string(v)) {
		return fault.New(fault.InvalidRef, fault.SourceConfig,
			fmt.Sprintf("no secret has such a version: it is longer than %d bytes, no UTF-8, or has control characters", contract.MaxVersionBytes))
	}
	return nil
}

// askPage refuses a page that the contract does not have. Tokens travel through
// clients of the host, so they may be anything.
func askPage(req provider.ListRequest) error {
	switch {
	case req.Size < 1 || req.Size > contract.MaxPageItems:
		return fault.New(fault.Internal, fault.SourceHost, fmt.Sprintf("a page has 1 to %d items, not %d", contract.MaxPageItems, req.Size))
	case len(req.Token) > contract.MaxTokenBytes || !plain(req.Token):
		return fault.New(fault.Internal, fault.SourceHost, "the page token is not one of this listing")
	}
	return nil
}

// askSet refuses what the plugin does not claim or cannot hold.
func (f *V1) askSet(req provider.SetRequest) error {
	if err := f.need(Write); err != nil {
		return err
	}
	if err := f.askRef(req.Ref); err != nil {
		return err
	}
	if len(req.Value.Reveal()) > f.info.Limits.MaxValueBytes {
		return fault.New(fault.TooLarge, fault.SourceConfig,
			fmt.Sprintf("the value of %s is larger than the %d bytes that provider %s stores", req.Ref, f.info.Limits.MaxValueBytes, f.info.Name))
	}
	wants := []struct {
		used bool
		c    Capability
	}{{req.Expected != nil, ConditionalSet}, {!req.Expires.IsZero(), Expiry}, {len(req.Tags) > 0, Tags}}
	for _, w := range wants {
		if !w.used {
			continue
		}
		if err := f.need(w.c); err != nil {
			return err
		}
	}
	if req.Expected != nil {
		if err := askVersion(*req.Expected); err != nil {
			return err
		}
	}
	if !req.Expires.IsZero() && timestamppb.New(req.Expires).CheckValid() != nil {
		return fault.New(fault.TooLarge, fault.SourceConfig, fmt.Sprintf("set %s: the expiry is outside of the years 1 to 9999", req.Ref))
	}
	return askTags(req)
}

func askTags(req provider.SetRequest) error {
	if n := len(req.Tags); n > contract.MaxTags {
		return fault.New(fault.TooLarge, fault.SourceConfig, fmt.Sprintf("set %s: a secret has at most %d tags, not %d", req.Ref, contract.MaxTags, n))
	}
	for k, v := range req.Tags {
		if len(k) > contract.MaxTagBytes || len(v) > contract.MaxTagBytes {
			return fault.New(fault.TooLarge, fault.SourceConfig,
				fmt.Sprintf("set %s: the key or the value of a tag has more than %d bytes", req.Ref, contract.MaxTagBytes))
		}
		if !plain(k) || !plain(v) {
			return fault.New(fault.Unsupported, fault.SourceConfig, fmt.Sprintf("set %s: a tag is no UTF-8 or has control characters", req.Ref))
		}
	}
	return nil
}

// maxConfigBytes leaves room for what a message has beside the configuration.
const maxConfigBytes = contract.MaxMessageBytes - 1<<10

func askConfig(config []byte) error {
	if len(config) > maxConfigBytes {
		return fault.New(fault.ConfigInvalid, fault.SourceConfig,
			fmt.Sprintf("the configuration has %d bytes, the limit is %d", len(config), maxConfigBytes))
	}
	return nil
}

func plain(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) }
