package main

import (
	"crypto/tls"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"github.com/identitymesh/identitymesh/adminapi/certificate"
	"github.com/identitymesh/identitymesh/sdk/appsettings"
)

// encryption is the certificate of the server; nil while it speaks HTTP.
type encryption struct{ *certificate.Certificate }

func openCertificate(c appsettings.TLS, logger *slog.Logger) (*encryption, error) {
	if c.CertificateFile == "" {
		return nil, nil
	}
	x, err := certificate.Open(certificate.Config{CertificateFile: c.CertificateFile, KeyFile: c.KeyFile, Logger: logger, Now: time.Now})
	if err != nil {
		return nil, err
	}
	return &encryption{x}, nil
}

func (e *encryption) scheme() string {
	if e == nil {
		return "http"
	}
	return "https"
}

func (e *encryption) tls() *tls.Config {
	if e == nil {
		return nil
	}
	return e.TLS()
}

func (e *encryption) vouches(name string) bool { return e != nil && e.Vouches(name) }

func (e *encryption) problems() []string {
	if e == nil || e.Problem() == "" {
		return nil
	}
	return []string{e.Problem()}
}

// reload reads the files again; how that went is logged and a problem.
func (e *encryption) reload() {
	if e != nil {
		_ = e.Reload()
	}
}

// hosts are the further names of the Admin API.
func hosts(c appsettings.AdminAPI) []string {
	all := slices.Clone(c.Hosts)
	if u, err := url.Parse(c.URL); err == nil && u.Hostname() != "" {
		all = append(all, u.Hostname())
	}
	return all
}
