package dpapi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/identitymesh/identitymesh/plugins/dpapi/keyfile"
	"github.com/identitymesh/identitymesh/plugins/dpapi/protector"
	"github.com/identitymesh/identitymesh/plugins/dpapi/rows"
	"github.com/identitymesh/identitymesh/sdk/fault"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

// rowFault turns an error of package rows about ref into a fault.
func rowFault(ctx context.Context, tried string, ref secret.Ref, err error) error {
	var conflict *rows.ConflictError
	switch {
	case errors.Is(err, rows.ErrNotFound):
		return fault.New(fault.NotFound, fault.SourceBackend,
			fmt.Sprintf("%s: there is no such secret; set it with: secretscli set %s", ref, ref))
	case errors.Is(err, rows.ErrExists):
		return fault.New(fault.AlreadyExists, fault.SourceBackend, fmt.Sprintf("%s: %v", ref, err))
	case errors.As(err, &conflict):
		return fault.New(fault.VersionConflict, fault.SourceBackend, fmt.Sprintf("%s: %v", ref, err))
	}
	return databaseFault(ctx, tried+" "+string(ref), err)
}

// databaseFault keeps the database's own words. Neither driver puts credentials
// or parameters of a statement into its errors.
func databaseFault(ctx context.Context, tried string, err error) error {
	var already *fault.Error
	if errors.As(err, &already) {
		return already
	}
	reason, source := fault.Unavailable, fault.SourceBackend
	var newer *productdb.NewerSchemaError
	var connect *productdb.ConnectError
	switch {
	case errors.Is(ctx.Err(), context.Canceled), errors.Is(err, context.Canceled):
		reason = fault.Cancelled
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		reason = fault.Timeout
	case errors.As(err, &newer):
		reason, source = fault.ConfigInvalid, fault.SourceConfig
	case errors.As(err, &connect):
		reason = connect.Reason // its text names the setting
	case errors.Is(err, fs.ErrPermission):
		reason = fault.AccessDenied
	default:
		reason = driverReason(err)
	}
	return fault.Wrap(reason, source, tried, err)
}

// driverReason reads the numbers of both drivers; see "Database Engine events
// and errors" of SQL Server, and "Result and Error Codes" of SQLite.
func driverReason(err error) fault.Reason {
	var server interface {
		error
		SQLErrorNumber() int32
	}
	var file interface {
		error
		Code() int
	}
	switch {
	case errors.As(err, &server):
		switch server.SQLErrorNumber() {
		case 18452, 18456: // login failed
			return fault.AuthFailed
		case 229, 230, 262, 916, 4060: // denied on an object, a column, a statement, a database
			return fault.AccessDenied
		}
	case errors.As(err, &file):
		switch file.Code() & 0xff { // the rest is detail
		case 3, 8, 14, 23: // PERM, READONLY, CANTOPEN, AUTH
			return fault.AccessDenied
		case 11, 26: // CORRUPT, NOTADB
			return fault.Corrupt
		}
	}
	return fault.Unavailable
}

// protectorFault says why this host's protector cannot be had.
func protectorFault(err error) error {
	reason, path := fault.Internal, keyDataFolder // relative to our configuration; the host puts the section before it
	var key *keyfile.Error
	if errors.As(err, &key) {
		reason = fault.AccessDenied
		if key.Damaged {
			reason = fault.Corrupt
		}
		if key.Wrapping {
			path = keyWrappedBy
		}
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		reason = fault.Timeout
	case errors.Is(err, context.Canceled):
		reason = fault.Cancelled
	}
	out := fault.Wrap(reason, fault.SourceConfig, "", err)
	out.ConfigPath = path
	return out
}

// foreignFault says that another host, or another key, sealed a row.
func foreignFault(ref secret.Ref, row, here protector.Identity) error {
	why := fmt.Sprintf("bound to host %s, and this is host %s", person(row), person(here))
	if row.HostName == here.HostName && row.Kind == here.Kind {
		why += "; they have the same name, so the key of this host was replaced or lost: restore it from a backup, if there is one"
	}
	return fault.New(fault.Undecryptable, fault.SourceBackend, fmt.Sprintf("%s is %s; %s", ref, why, setAgain(ref)))
}

// openFault turns an error of opening the blob of a row into a fault.
func openFault(ref secret.Ref, row rows.Row, sealer *protector.Protector, err error) error {
	switch {
	case errors.Is(err, protector.ErrCorrupt):
		return fault.New(fault.Corrupt, fault.SourceBackend,
			fmt.Sprintf("%s: %v; restore the database from a backup, or %s", ref, err, setAgain(ref)))
	case row.Legacy():
		return fault.New(fault.Undecryptable, fault.SourceBackend,
			fmt.Sprintf("%s was written by the .NET product and opens only on the Windows host that wrote it: %v; %s", ref, err, setAgain(ref)))
	case !sealer.Knows(row.Sealed.KeyID):
		return fault.New(fault.Undecryptable, fault.SourceBackend,
			fmt.Sprintf("%s was sealed with key %s, which this host does not have (its newest is %s): restore the key file from a backup, or %s",
				ref, row.Sealed.KeyID, sealer.Identity().KeyID, setAgain(ref)))
	}
	return fault.New(fault.Undecryptable, fault.SourceBackend,
		fmt.Sprintf("%s: %v: its value was sealed for another reference, or the keys of this host have changed; %s", ref, err, setAgain(ref)))
}

func setAgain(ref secret.Ref) string {
	return fmt.Sprintf("set the secret again on this host: secretscli set %s", ref)
}

func person(id protector.Identity) string {
	return fmt.Sprintf("%s (%s, %s)", id.HostName, id.Kind, id.HostID)
}
