package audit

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/identitymesh/identitymesh/sdk/productdb"
)

// Witness is where heads are written, out of reach for whoever can change the
// database: what they saw cannot be denied later.
type Witness struct {
	// File gets a line for each head; empty for none.
	File string
	// URL gets the same lines by POST; empty for none. It begins with https://.
	URL string
	// KeyFile has the key for their HMAC; see [ReadHeadKey].
	KeyFile string
	// TLS says who may vouch for the URL's server; nil means the system's authorities.
	TLS *tls.Config
}

const (
	// postLimit bounds one POST.
	postLimit = 30 * time.Second
	// headMediaType is that of the lines.
	headMediaType = "application/x-ndjson"
)

// Heads reads back what File has, to check chains against; nil when there is no File.
// The error says what is wrong with the file or the key: whoever cannot compare must
// say so, and not go on as if there were nothing to compare with.
func (w Witness) Heads() (*Heads, error) {
	if w.File == "" {
		return nil, nil
	}
	heads, err := w.readHeads()
	if err != nil {
		return nil, fmt.Errorf("compare with the heads of the audit log in %s: %w", w.File, err)
	}
	return heads, nil
}

func (w Witness) readHeads() (*Heads, error) {
	key, err := ReadHeadKey(w.KeyFile)
	if err != nil {
		return nil, err
	}
	// First, because opening a pipe would wait for somebody who writes.
	info, err := os.Stat(w.File)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file, so what was written there cannot be read again")
	}
	f, err := os.Open(w.File)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadHeads(f, key)
}

// ends returns the heads of all chains.
func (l *Log) ends(ctx context.Context) (list []WrittenHead, err error) {
	rows, err := l.db.Read.QueryContext(ctx, "SELECT chain, seq, hash FROM IM_AuditHeads WHERE seq > 0 ORDER BY chain")
	if err != nil {
		return nil, fmt.Errorf("read the heads of the audit log of %s: %w", l.db.Target, err)
	}
	defer rows.Close()
	at := productdb.Cut(l.now())
	for rows.Next() {
		h := WrittenHead{Time: at}
		if err := rows.Scan(&h.Chain, &h.Seq, &h.Hash); err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	return list, rows.Err()
}

// written remembers which heads a place has.
type written map[string]int64

// lines returns the heads that a place does not have, as it gets them.
func (w written) lines(heads []WrittenHead, key []byte) ([]byte, error) {
	var text bytes.Buffer
	for _, h := range heads {
		if last, ok := w[h.Chain]; ok && last == h.Seq && h.Chain != AdminChain {
			continue // of the admin chain each day's line shows that somebody still writes
		}
		h.MAC = h.sum(key)
		if err := writeLine(&text, h); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), nil
}

func (w written) note(heads []WrittenHead) {
	for _, h := range heads {
		w[h.Chain] = h.Seq
	}
}

// appendLines adds to a file with one write, behind what is whole there: a line that
// a crash left without an end gets one, and is no head.
func appendLines(path string, text []byte) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if size := info.Size(); info.Mode().IsRegular() && size > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, size-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			text = append([]byte("\n"), text...)
		}
	}
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Sync()
}

// post sends the lines. Only an answer of 2xx is success, and no other address is
// asked than the one that was configured.
func post(ctx context.Context, client *http.Client, address string, text []byte) error {
	ctx, cancel := context.WithTimeout(ctx, postLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(text))
	if err != nil {
		return withoutAddress(err)
	}
	request.Header.Set("Content-Type", headMediaType)
	request.Header.Set("User-Agent", "IdentityMesh")
	response, err := client.Do(request)
	if err != nil {
		return withoutAddress(err)
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, 4096) // so that the server can end; what it says is of no use
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("the server answered %s", response.Status)
	}
	return nil
}

// withoutAddress leaves out of an error the address, which may let in whoever knows it.
func withoutAddress(err error) error {
	var asked *url.Error
	if errors.As(err, &asked) {
		return asked.Err
	}
	return err
}

// newClient returns what posts, with limits, without redirects.
func newClient(config *tls.Config) *http.Client {
	if config == nil {
		config = &tls.Config{}
	}
	config = config.Clone()
	config.MinVersion = tls.VersionTLS12
	return &http.Client{
		Timeout: postLimit,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 20 * time.Second,
			DisableKeepAlives: true, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
