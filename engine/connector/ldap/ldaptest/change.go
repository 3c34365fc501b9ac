package ldaptest

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// Admin calls do with a connection that may do everything.
func (s *Server) Admin(ctx context.Context, do func(conn *goldap.Conn) error) error {
	dialer := net.Dialer{Timeout: readyTimeout}
	raw, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)))
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
	conn := goldap.NewConn(raw, false)
	conn.Start()
	defer conn.Close()
	conn.SetTimeout(time.Minute)
	if err := conn.Bind(adminDN, s.adminPW); err != nil {
		return err
	}
	return do(conn)
}

// SetPassword changes the password of [SyncDN].
func (s *Server) SetPassword(ctx context.Context, password string) error {
	request := goldap.NewModifyRequest(SyncDN, nil)
	request.Replace("userPassword", []string{password})
	if err := s.Admin(ctx, func(conn *goldap.Conn) error { return conn.Modify(request) }); err != nil {
		return err
	}
	s.Password = password
	return nil
}

// ModifyPeople gives count people from number first on a new title.
func (s *Server) ModifyPeople(ctx context.Context, first, count int, title string) error {
	return s.Admin(ctx, func(conn *goldap.Conn) error {
		for i := first; i < first+count; i++ {
			request := goldap.NewModifyRequest(PersonDN(i), nil)
			request.Replace("title", []string{title})
			if err := conn.Modify(request); err != nil {
				return fmt.Errorf("modify %s: %w", PersonDN(i), err)
			}
		}
		return nil
	})
}

// DeletePeople removes count people from number first on.
func (s *Server) DeletePeople(ctx context.Context, first, count int) error {
	return s.Admin(ctx, func(conn *goldap.Conn) error {
		for i := first; i < first+count; i++ {
			if err := conn.Del(goldap.NewDelRequest(PersonDN(i), nil)); err != nil {
				return fmt.Errorf("delete %s: %w", PersonDN(i), err)
			}
		}
		return nil
	})
}
