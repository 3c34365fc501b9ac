package conformance

import (
	"context"
	"fmt"

	"github.com/identitymesh/identitymesh/sdk/fault"
	pb "github.com/identitymesh/identitymesh/sdk/gen/identitymesh/secretprovider/v1"
	"github.com/identitymesh/identitymesh/sdk/host/facade"
)

// deleteCases are about the end of secrets.
func deleteCases() []Case {
	remove := []facade.Capability{facade.Write, facade.Delete}
	recover := append(remove[:2:2], facade.Recover)
	purge := append(remove[:2:2], facade.Purge)
	return []Case{
		{Name: "deleted-secret-is-not-served", Page: "write.md", Level: Writer, Needs: remove, About: "Get, Describe and List no longer show it", run: hidesDeleted},
		{Name: "delete-of-an-absent-secret-is-not-found", Page: "write.md", Level: Writer, Needs: remove, About: "so that a misspelt ref is noticed", run: deletesNothing},
		{Name: "repeated-write-does-no-harm", Page: "write.md", Level: Writer, Needs: remove, About: "a second Set, Delete, Recover or Purge finds the work done", run: repeatsHarmlessly},
		{Name: "get-of-a-deleted-secret-is-deleted", Page: "value.md", Level: None, Needs: recover, About: "DELETED tells that it can be recovered", run: tellsDeleted},
		{Name: "recover-brings-back-the-old-value", Page: "write.md", Level: Writer, Needs: recover, About: "with the version that it had", run: recovers},
		{Name: "recover-needs-a-deleted-secret", Page: "write.md", Level: Writer, Needs: recover, About: "ALREADY_EXISTS where it is there, NOT_FOUND where nothing is", run: refusesToRecover},
		{Name: "purge-never-removes-a-living-secret", Page: "write.md", Level: Writer, Needs: purge, About: "ALREADY_EXISTS, and it is still there", run: purgesNoLiving},
		{Name: "purged-secret-is-gone", Page: "write.md", Level: Writer, Needs: purge, About: "nothing reads or recovers it", run: purges},
	}
}

// living makes a secret.
func (t *trial) living(ctx context.Context) (p *plugin, ref string, value []byte, version string, err error) {
	ref, value = t.ref("a"), t.leaks.value(48)
	if p, err = t.plugin(ctx); err != nil {
		return
	}
	m, err := p.set(ctx, ref, value)
	return p, ref, value, m.GetVersion(), err
}

// dead makes a secret and deletes it.
func (t *trial) dead(ctx context.Context) (p *plugin, ref string, value []byte, version string, err error) {
	if p, ref, value, version, err = t.living(ctx); err == nil {
		err = p.delete(ctx, ref)
	}
	return
}

func absentReasons() []fault.Reason { return []fault.Reason{fault.NotFound, fault.Deleted} }

func hidesDeleted(ctx context.Context, t *trial) error {
	p, ref, _, version, err := t.dead(ctx)
	if err != nil {
		return err
	}
	_, err = p.Get(ctx, &pb.GetRequest{Ref: ref})
	if err := want("Get of a deleted secret", err, absentReasons()...); err != nil {
		t.problem(err)
	}
	_, err = p.Get(ctx, &pb.GetRequest{Ref: ref, Version: version})
	if err := want("Get of a deleted secret by its version", err, absentReasons()...); err != nil {
		t.problem(err)
	}
	_, err = p.Describe(ctx, &pb.DescribeRequest{Ref: ref})
	if err := want("Describe of a deleted secret", err, absentReasons()...); err != nil {
		t.problem(err)
	}
	if !t.claims(facade.List) {
		return nil
	}
	items, err := p.listAll(ctx, 1000)
	if err != nil {
		return nil // that it lists is another rule
	}
	for _, m := range items {
		if m.GetRef() == ref {
			t.failf("List shows a deleted secret")
		}
	}
	return nil
}

func deletesNothing(ctx context.Context, t *trial) error {
	p, err := t.plugin(ctx)
	if err != nil {
		return err
	}
	_, err = p.Delete(ctx, &pb.DeleteRequest{Ref: t.ref("absent")})
	return want("Delete of a secret that is not there", err, fault.NotFound)
}

func repeatsHarmlessly(ctx context.Context, t *trial) error {
	p, ref, value, _, err := t.living(ctx)
	if err != nil {
		return err
	}
	if _, err := p.set(ctx, ref, value); err != nil {
		return fmt.Errorf("a second time: %w", err)
	}
	if err := p.holds(ctx, ref, value); err != nil {
		t.failf("after the same Set twice: %w", err)
	}
	if err := p.delete(ctx, ref); err != nil {
		return err
	}
	_, err = p.Delete(ctx, &pb.DeleteRequest{Ref: ref})
	if err := want("a second Delete", err, absentReasons()...); err != nil {
		t.problem(err)
	}
	if t.claims(facade.Recover) {
		if _, err := p.Recover(ctx, &pb.RecoverRequest{Ref: ref}); err != nil {
			return outcome("Recover", err)
		}
		_, err = p.Recover(ctx, &pb.RecoverRequest{Ref: ref})
		if err := want("a second Recover", err, fault.AlreadyExists); err != nil {
			t.problem(err)
		}
		if err := p.delete(ctx, ref); err != nil {
			return err
		}
	}
	if t.claims(facade.Purge) {
		if _, err := p.Purge(ctx, &pb.PurgeRequest{Ref: ref}); err != nil {
			return outcome("Purge", err)
		}
		_, err = p.Purge(ctx, &pb.PurgeRequest{Ref: ref})
		return want("a second Purge", err, fault.NotFound)
	}
	return nil
}

func tellsDeleted(ctx context.Context, t *trial) error {
	p, ref, _, _, err := t.dead(ctx)
	if err != nil {
		return err
	}
	_, err = p.Get(ctx, &pb.GetRequest{Ref: ref})
	return want("Get of a deleted secret that can be recovered", err, fault.Deleted)
}

func recovers(ctx context.Context, t *trial) error {
	p, ref, value, version, err := t.dead(ctx)
	if err != nil {
		return err
	}
	got, err := p.Recover(ctx, &pb.RecoverRequest{Ref: ref})
	if err != nil {
		return outcome("Recover", err)
	}
	if m := got.GetMetadata(); m.GetRef() != ref || m.GetVersion() != version {
		t.failf("Recover answered with the ref %q and the version %q, expected %q and %q", m.GetRef(), m.GetVersion(), ref, version)
	}
	return p.holds(ctx, ref, value)
}

func refusesToRecover(ctx context.Context, t *trial) error {
	p, ref, value, _, err := t.living(ctx)
	if err != nil {
		return err
	}
	_, err = p.Recover(ctx, &pb.RecoverRequest{Ref: ref})
	if err := want("Recover of a secret that is not deleted", err, fault.AlreadyExists); err != nil {
		t.problem(err)
	}
	if err := p.holds(ctx, ref, value); err != nil {
		t.failf("after a Recover that was refused: %w", err)
	}
	_, err = p.Recover(ctx, &pb.RecoverRequest{Ref: t.ref("absent")})
	return want("Recover of a secret that never was", err, fault.NotFound)
}

func purgesNoLiving(ctx context.Context, t *trial) error {
	p, ref, value, _, err := t.living(ctx)
	if err != nil {
		return err
	}
	_, err = p.Purge(ctx, &pb.PurgeRequest{Ref: ref})
	if err := want("Purge of a secret that is not deleted", err, fault.AlreadyExists); err != nil {
		t.problem(err)
	}
	if err := p.holds(ctx, ref, value); err != nil {
		t.failf("after a Purge of a secret that is not deleted: %w", err)
	}
	return nil
}

func purges(ctx context.Context, t *trial) error {
	p, ref, value, _, err := t.dead(ctx)
	if err != nil {
		return err
	}
	if _, err := p.Purge(ctx, &pb.PurgeRequest{Ref: ref}); err != nil {
		return outcome("Purge of a deleted secret", err)
	}
	got, err := p.Get(ctx, &pb.GetRequest{Ref: ref})
	switch {
	case err == nil && differ(got.GetValue(), value) == "":
		t.failf("Get of a purged secret returned its value, expected NOT_FOUND")
	case err != nil:
		if err := want("Get of a purged secret", err, fault.NotFound); err != nil {
			t.problem(err)
		}
	}
	if t.claims(facade.Recover) {
		_, err = p.Recover(ctx, &pb.RecoverRequest{Ref: ref})
		if err := want("Recover of a purged secret", err, fault.NotFound); err != nil {
			t.problem(err)
		}
	}
	_, err = p.Purge(ctx, &pb.PurgeRequest{Ref: t.ref("absent")})
	return want("Purge of a secret that never was", err, fault.NotFound)
}
