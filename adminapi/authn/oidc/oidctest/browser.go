package oidctest

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Browser goes where it is led, and keeps cookies as a browser does.
type Browser struct {
	t      testing.TB
	client *http.Client
	// Change is given each address before it is gone to; it returns another or the same.
	Change func(to string) string
	// Visited are the addresses, the last one last.
	Visited []string
}

// NewBrowser returns one without cookies.
func NewBrowser(t testing.TB) *Browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Browser{t: t, client: &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Page is what a browser shows.
type Page struct {
	Status int
	URL    *url.URL
	Header http.Header
	Body   string
}

var formID = regexp.MustCompile(`name="id" value="([^"]*)"`)

// Go goes to an address and follows where it leads. At the provider's form it signs
// in as the user.
func (b *Browser) Go(to, user string) Page {
	b.t.Helper()
	var form url.Values
	for range 20 {
		if b.Change != nil {
			to = b.Change(to)
		}
		b.Visited = append(b.Visited, to)
		page := b.request(to, form)
		form = nil
		switch {
		case page.Status >= 300 && page.Status < 400:
			next, err := page.URL.Parse(page.Header.Get("Location"))
			if err != nil {
				b.t.Fatal(err)
			}
			to = next.String()
		case strings.HasPrefix(page.URL.Path, "/login") && page.Status == http.StatusOK && user != "":
			id := formID.FindStringSubmatch(page.Body)
			if id == nil {
				b.t.Fatalf("no form: %s", page.Body)
			}
			form = url.Values{"id": {id[1]}, "name": {user}, "password": {Password}}
			to = page.URL.Scheme + "://" + page.URL.Host + "/login"
		default:
			return page
		}
	}
	b.t.Fatalf("the way has no end: %v", b.Visited)
	return Page{}
}

func (b *Browser) request(to string, form url.Values) Page {
	b.t.Helper()
	var response *http.Response
	var err error
	if form == nil {
		response, err = b.client.Get(to)
	} else {
		response, err = b.client.PostForm(to, form)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return Page{response.StatusCode, response.Request.URL, response.Header, string(body)}
}

// Cookies returns the cookies for an address.
func (b *Browser) Cookies(address string) []*http.Cookie {
	u, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.client.Jar.Cookies(u)
}

// SetCookies sets cookies for an address.
func (b *Browser) SetCookies(address string, cookies []*http.Cookie) {
	u, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.client.Jar.SetCookies(u, cookies)
}
