package keyvault

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"regexp"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/identitymesh/identitymesh/plugins/keyvault/vault"
	"github.com/identitymesh/identitymesh/sdk/contract"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/provider"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

const (
	// maxItems and maxVaultPages bound what one call does, whatever page is asked
	// for: a shorter page is legal, a call that outlives its deadline is of no use.
	maxItems      = 200
	maxVaultPages = 40
	// parallel is how many entries are looked up at a time.
	parallel = 8
)

// ourName is the form of naming.Name; a vault may hold other people's secrets.
var ourName = regexp.MustCompile(`^im-[0-9a-f]{32}$`)

// List returns entries whose names have our form. The vault's own listing does
// not tell versions, so each entry is looked up.
func (p *Provider) List(ctx context.Context, req provider.ListRequest) (secret.Page, error) {
	ctx, cancel := p.bounded(ctx)
	defer cancel()
	found, next, err := p.names(ctx, req)
	p.identify(ctx)
	if err != nil {
		return secret.Page{}, err
	}
	items, err := p.lookUp(ctx, found)
	if err != nil {
		return secret.Page{}, err
	}
	return secret.Page{Items: items, Next: next, Complete: next == ""}, nil
}

// names collects pages of the vault, which hold at most 25 entries, into one of
// the wanted size.
func (p *Provider) names(ctx context.Context, req provider.ListRequest) (found []string, next string, err error) {
	from, err := parsePosition(req.Token)
	if err != nil {
		return nil, "", err
	}
	size := min(req.Size, maxItems)
	for range maxVaultPages {
		items, marker, err := p.vault.Page(ctx, from.Marker)
		if err != nil {
			return nil, "", err
		}
		for _, name := range behind(ours(items), from.After) {
			if len(found) == size {
				from.After = found[len(found)-1]
				next, err = from.token()
				return found, next, err
			}
			found = append(found, name)
		}
		if marker == "" {
			return found, "", nil
		}
		if from, err = from.follow(marker); err != nil {
			return nil, "", err
		}
		if len(found) == size {
			break
		}
	}
	next, err = from.token()
	return found, next, err
}

func ours(items []vault.Properties) []string {
	var names []string
	for _, item := range items {
		if name := strings.ToLower(item.Name); ourName.MatchString(name) {
			names = append(names, name)
		}
	}
	return names
}

// behind returns the names that follow after. When after is gone from the page,
// the whole page is given again: an entry twice does no harm, one missing does.
func behind(names []string, after string) []string {
	for i, name := range names {
		if name == after {
			return names[i+1:]
		}
	}
	return names
}

// lookUp returns the current version of each name, in the order of names. One
// that was deleted since it was listed is left out.
func (p *Provider) lookUp(ctx context.Context, names []string) ([]secret.Metadata, error) {
	current := make([]*secret.Metadata, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, name := range names {
		group.Go(func() error {
			versions, err := p.vault.Versions(ctx, vault.Target{Name: name})
			if fault.Is(err, fault.NotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			entry := newest(versions)
			m := metadata(refOf(entry), entry)
			current[i] = &m
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	items := make([]secret.Metadata, 0, len(names))
	for _, m := range current {
		if m != nil {
			items = append(items, *m)
		}
	}
	return items, nil
}

// position is where a listing goes on: in which page of the vault, and behind
// which name of it. It travels as the page token, so nothing is kept here.
type position struct {
	Marker string `json:"m,omitempty"`
	After  string `json:"a,omitempty"`
	// Pages is how many pages of the vault were before this one, and Milestone the
	// digest of the marker at the last power of two of them.
	Pages     uint   `json:"n,omitempty"`
	Milestone uint64 `json:"s,omitempty"`
}

// maxPages bounds a listing of the vault; it is far beyond what a vault can list in
// the time that a token lives.
const maxPages = 1 << 20

// follow returns the position of the vault's next page. A listing that comes back
// to a milestone goes in circles, of whatever length: sooner or later one of the
// milestones, ever further apart, is in the circle and is met again.
func (p position) follow(marker string) (position, error) {
	sum := sha256.Sum256([]byte(marker))
	digest := binary.BigEndian.Uint64(sum[:])
	next := position{Marker: marker, Pages: p.Pages + 1, Milestone: p.Milestone}
	if digest == p.Milestone || next.Pages > maxPages {
		return position{}, fault.New(fault.Corrupt, fault.SourceBackend, "list secrets: the vault's listing goes in circles")
	}
	if bits.OnesCount(next.Pages) == 1 {
		next.Milestone = digest
	}
	return next, nil
}

func (p position) token() (string, error) {
	text, err := json.Marshal(p)
	token := base64.RawURLEncoding.EncodeToString(text)
	if err != nil || len(token) > contract.MaxTokenBytes {
		return "", fault.New(fault.Unavailable, fault.SourceBackend, "list secrets: the vault's marker of the next page is too long")
	}
	return token, nil
}

func parsePosition(token string) (position, error) {
	var p position
	if token == "" {
		return p, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(token) > contract.MaxTokenBytes || json.Unmarshal(text, &p) != nil || p == (position{}) ||
		(p.After != "" && !ourName.MatchString(p.After)) {
		return position{}, fault.New(fault.Internal, fault.SourceHost, "list secrets: the page token is not one of this listing")
	}
	return p, nil
}
