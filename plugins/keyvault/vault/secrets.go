package vault

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/identitymesh/identitymesh/sdk/fault"
)

// Properties of one version of a secret. They never hold a value.
type Properties struct {
	Name string
	// Version is empty in a listing of the vault.
	Version    string
	Attributes azsecrets.SecretAttributes
	Tags       map[string]string
}

// Get returns text and properties of a version, of the current one when version
// is empty. An answer without a text is CORRUPT, never an empty one.
func (c *Client) Get(ctx context.Context, target Target, version string) (string, Properties, error) {
	text, p := "", Properties{}
	err := c.do(ctx, opGet, target, func(ctx context.Context) error {
		got, err := c.secrets.GetSecret(ctx, target.Name, version, nil)
		if err != nil {
			return err
		}
		found, ok := c.properties(got.ID, got.Attributes, got.Tags)
		switch {
		case !ok || !strings.EqualFold(found.Name, target.Name) || found.Version == "":
			return corrupt(opGet, target, "the vault answered with another secret")
		case version != "" && found.Version != version:
			return corrupt(opGet, target, "the vault answered with another version")
		case got.Value == nil:
			return corrupt(opGet, target, "the vault answered without a value")
		}
		text, p = *got.Value, found
		return nil
	})
	if err != nil {
		return "", Properties{}, err
	}
	return text, p, nil
}

// Write is a new version.
type Write struct {
	Text, ContentType string
	// Expires is zero for never. The service keeps whole seconds.
	Expires time.Time
	Tags    map[string]string
}

// Set writes a new version. It is sent again only where nothing can have
// happened; of any other failure [Uncertain] tells whether it may have. The error
// may quote the text; see [WithoutText].
func (c *Client) Set(ctx context.Context, target Target, w Write) (Properties, error) {
	parameters := azsecrets.SetSecretParameters{Value: &w.Text, ContentType: &w.ContentType, Tags: map[string]*string{}}
	for k, v := range w.Tags {
		parameters.Tags[k] = to.Ptr(v)
	}
	if !w.Expires.IsZero() {
		parameters.SecretAttributes = &azsecrets.SecretAttributes{Expires: &w.Expires}
	}
	var got azsecrets.SetSecretResponse
	err := c.do(ctx, opSet, target, func(ctx context.Context) (err error) {
		got, err = c.secrets.SetSecret(ctx, target.Name, parameters, nil)
		return err
	})
	if err != nil {
		return Properties{}, err
	}
	p, ok := c.properties(got.ID, got.Attributes, got.Tags)
	if !ok || !strings.EqualFold(p.Name, target.Name) || p.Version == "" {
		return Properties{}, corrupt(opSet, target, "the vault accepted the write and answered with another secret; read it back")
	}
	return p, nil
}

// WithoutText removes text from a message, should a server have quoted it. The
// cause goes too: its text is the server's answer. What [Uncertain] and
// [Transition] tell of an error has to be asked before.
func WithoutText(err error, text string) error {
	var f *fault.Error
	if len(text) > 0 && errors.As(err, &f) && strings.Contains(err.Error(), text) {
		f.Message = strings.ReplaceAll(f.Message, text, "[secret]")
		f.Cause = nil
	}
	return err
}

// maxVersionPages of 25 versions are read of one secret. The service cannot even
// back up one of more than 500 versions.
const maxVersionPages = 1000

// Versions returns the properties of every version, in no order: the service
// keeps none. NOT_FOUND when there is no version.
func (c *Client) Versions(ctx context.Context, target Target) ([]Properties, error) {
	pager := c.secrets.NewListSecretPropertiesVersionsPager(target.Name, nil)
	var all []Properties
	seen := map[string]bool{}
	for pager.More() {
		var page azsecrets.ListSecretPropertiesVersionsResponse
		err := c.do(ctx, opList, target, func(ctx context.Context) (err error) {
			page, err = pager.NextPage(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, item := range page.Value {
			p, ok := c.listed(item)
			if !ok || !strings.EqualFold(p.Name, target.Name) || p.Version == "" {
				return nil, corrupt(opList, target, "the vault listed versions of another secret")
			}
			all = append(all, p)
		}
		if link := page.NextLink; link != nil && *link != "" {
			if seen[*link] || len(seen) == maxVersionPages {
				return nil, corrupt(opList, target, "the vault's listing of versions does not end")
			}
			seen[*link] = true
		}
	}
	if len(all) == 0 {
		return nil, fault.New(fault.NotFound, fault.SourceBackend, "list "+target.String()+": the vault has no version of it")
	}
	return all, nil
}

// Page returns a page of the vault's secrets as the service cuts them, at most
// 25. marker is empty for the first page and otherwise what the page before
// returned as next, which is empty on the last.
func (c *Client) Page(ctx context.Context, marker string) (items []Properties, next string, err error) {
	pager := c.secrets.NewListSecretPropertiesPager(nil)
	if marker != "" {
		// This is how the SDK resumes a pager: with the page before. The address is
		// made here, so that a marker can ask for nothing but another page.
		query := url.Values{skipToken: {marker}}
		before, err := json.Marshal(map[string]string{"nextLink": c.url + "/secrets?" + query.Encode()})
		if err == nil {
			err = pager.UnmarshalJSON(before)
		}
		if err == nil {
			_, err = pager.NextPage(ctx) // the page before, without a request
		}
		if err != nil {
			return nil, "", fault.Wrap(fault.Internal, fault.SourcePlugin, "resume the listing", err)
		}
	}
	var page azsecrets.ListSecretPropertiesResponse
	err = c.do(ctx, opList, Target{}, func(ctx context.Context) (err error) {
		page, err = pager.NextPage(ctx)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	for _, item := range page.Value {
		p, ok := c.listed(item)
		if !ok {
			return nil, "", corrupt(opList, Target{}, "the vault listed an entry that is no secret of it")
		}
		items = append(items, p)
	}
	if page.NextLink == nil || *page.NextLink == "" {
		return items, "", nil
	}
	next, ok := c.markerOf(*page.NextLink)
	if !ok || next == marker {
		return nil, "", corrupt(opList, Target{}, "the vault's link to the next page leads elsewhere or in circles")
	}
	return items, next, nil
}

// skipToken is the only parameter that tells one page from another.
const skipToken = "$skiptoken"

func (c *Client) markerOf(link string) (string, bool) {
	u, err := url.Parse(link)
	if err != nil || (u.Host != "" && (u.Scheme != "https" || strings.TrimSuffix(strings.ToLower(u.Host), ":443") != c.host)) {
		return "", false
	}
	marker := u.Query().Get(skipToken)
	return marker, marker != ""
}

func (c *Client) listed(item *azsecrets.SecretProperties) (Properties, bool) {
	if item == nil {
		return Properties{}, false
	}
	return c.properties(item.ID, item.Attributes, item.Tags)
}

// properties reads an id such as https://host/secrets/name/version without the
// SDK's own methods, which panic on one that is malformed.
func (c *Client) properties(id *azsecrets.ID, attributes *azsecrets.SecretAttributes, tags map[string]*string) (Properties, bool) {
	var p Properties
	if id == nil {
		return p, false
	}
	u, err := url.Parse(string(*id))
	if err != nil || strings.TrimSuffix(strings.ToLower(u.Host), ":443") != c.host {
		return p, false
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] != "secrets" {
		return p, false
	}
	p.Name = parts[1]
	if len(parts) == 3 {
		p.Version = parts[2]
	}
	if attributes != nil {
		p.Attributes = *attributes
	}
	p.Tags = make(map[string]string, len(tags))
	for k, v := range tags {
		if v != nil {
			p.Tags[k] = *v
		}
	}
	return p, true
}
