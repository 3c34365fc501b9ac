package vault

import (
	"context"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/identitymesh/identitymesh/sdk/fault"
)

var (
	opRecover = operation{name: "recover", mayRepeat: repeatWrite, write: true, silent: true}
	opPurge   = operation{name: "purge", mayRepeat: repeatWrite, write: true, silent: true}
)

// Deleted is what a vault tells about a deleted secret.
type Deleted struct {
	// Protected is true where the vault's purge protection keeps it.
	Protected bool
	// Ends is when the vault purges it by itself; zero when it does not say.
	Ends time.Time
}

// Delete begins to delete a secret with all its versions, recoverably. The vault
// answers before it is done.
func (c *Client) Delete(ctx context.Context, target Target) error {
	return c.do(ctx, opDelete, target, func(ctx context.Context) error {
		_, err := c.secrets.DeleteSecret(ctx, target.Name, nil)
		return err
	})
}

// Deleted returns what the vault tells about the deleted secret of that name,
// NOT_FOUND when there is none, or when it is still being deleted.
func (c *Client) Deleted(ctx context.Context, target Target) (Deleted, error) {
	var got azsecrets.GetDeletedSecretResponse
	err := c.do(ctx, opGet, target, func(ctx context.Context) (err error) {
		got, err = c.secrets.GetDeletedSecret(ctx, target.Name, nil)
		return err
	})
	if err != nil {
		return Deleted{}, err
	}
	var d Deleted
	if got.ScheduledPurgeDate != nil {
		d.Ends = *got.ScheduledPurgeDate
	}
	if a := got.Attributes; a != nil && a.RecoveryLevel != nil {
		// As in "Recoverable+Purgeable"; the levels without it are those of vaults
		// with purge protection.
		d.Protected = !strings.Contains(*a.RecoveryLevel, "Purgeable")
	}
	return d, nil
}

// IsDeleted reports whether the vault holds a deleted secret of that name. An
// identity without the right to know gets an error.
func (c *Client) IsDeleted(ctx context.Context, target Target) (bool, error) {
	_, err := c.Deleted(ctx, target)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// Recover begins to bring a deleted secret back and returns its current version.
// The vault answers before it is done.
func (c *Client) Recover(ctx context.Context, target Target) (Properties, error) {
	var got azsecrets.RecoverDeletedSecretResponse
	err := c.do(ctx, opRecover, target, func(ctx context.Context) (err error) {
		got, err = c.secrets.RecoverDeletedSecret(ctx, target.Name, nil)
		return err
	})
	if err != nil {
		return Properties{}, err
	}
	p, ok := c.properties(got.ID, got.Attributes, got.Tags)
	if !ok || !strings.EqualFold(p.Name, target.Name) || p.Version == "" {
		return Properties{}, corrupt(opRecover, target, "the vault answered with another secret; describe it to see whether it is back")
	}
	return p, nil
}

// Purge begins to remove a deleted secret for ever.
func (c *Client) Purge(ctx context.Context, target Target) error {
	return c.do(ctx, opPurge, target, func(ctx context.Context) error {
		_, err := c.secrets.PurgeDeletedSecret(ctx, target.Name, nil)
		return err
	})
}
