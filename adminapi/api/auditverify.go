package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/identitymesh/identitymesh/adminapi/authz"
	"github.com/identitymesh/identitymesh/adminapi/problem"
	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/sdk/telemetry"
)

// AuditReport says whether the audit log is as it was written.
type AuditReport struct {
	Intact bool `json:"intact" doc:"Nothing that was checked was changed, removed or added, and it agrees with the heads that were written elsewhere, if there are any."`
	AuditChain
	Written    WrittenHeads     `json:"written" doc:"The heads that were written elsewhere, which alone show that all of a chain was written anew or its end removed."`
	Connectors *ConnectorChains `json:"connectors,omitempty" doc:"The chains of what runs did to objects; absent when only another one was asked for."`
	Next       string           `json:"next,omitempty" doc:"Ask again with this as after to check further connectors' chains; absent when all were checked."`
}

// WrittenHeads are the heads in the file Audit:Head:File.
type WrittenHeads struct {
	State      string `json:"state" enum:"compared,unusable,none" doc:"compared: what was checked was compared with them. unusable: the file could not be read, or was changed, so nothing was compared with it, and the log does not count as intact. none: no file is configured."`
	Count      int    `json:"count,omitempty" doc:"How many there are, of all chains."`
	Unreadable int    `json:"unreadable,omitempty" doc:"Lines of the file that are no heads, as a crash leaves them."`
	Why        string `json:"why,omitempty" doc:"Why it is unusable."`
}

// AuditChain is one chain as it was found.
type AuditChain struct {
	Chain    string `json:"chain,omitempty" doc:"Which one: admin, or objects/ and the id of a connector." example:"admin"`
	Records  int64  `json:"records" doc:"How many records are good, from the first that is kept on."`
	Hash     string `json:"hash" doc:"Of the last good record. Kept elsewhere, it shows later whether the newest records were removed."`
	Open     int    `json:"open" doc:"Intents without an outcome: an action was interrupted, or is still under way."`
	Removed  int64  `json:"removed,omitempty" doc:"How many records before the first were removed for their age."`
	Signer   string `json:"signer,omitempty" doc:"The public key by whose word they were."`
	Heads    int    `json:"heads,omitempty" doc:"How many heads that were written elsewhere agree with it; those of records that were removed are not among them."`
	BrokenAt int64  `json:"brokenAt,omitempty" doc:"The first record that does not fit."`
	Why      string `json:"why,omitempty" doc:"What is wrong with it."`
}

// ConnectorChains are the chains of connectors together.
type ConnectorChains struct {
	Chains  int          `json:"chains" doc:"How many were checked."`
	Records int64        `json:"records" doc:"How many records of them are good."`
	Removed int64        `json:"removed" doc:"How many records of them were removed for their age."`
	Signers []string     `json:"signers" nullable:"false" doc:"The public keys by whose word."`
	Heads   int          `json:"heads" doc:"How many heads that were written elsewhere agree with them."`
	Broken  int          `json:"broken" doc:"How many chains are not as they were written."`
	First   []AuditChain `json:"first" nullable:"false" doc:"The first of these."`
}

const (
	// verifyLimit is how long connectors' chains are checked for one answer. It leaves
	// enough of what the server has for it to check the chain that was begun.
	verifyLimit = 20 * time.Second
	// mostBroken chains are named.
	mostBroken = 20
)

func (a *API) auditVerify() {
	register(a, authz.AuditRead, huma.Operation{
		OperationID: "verify-audit", Method: http.MethodGet, Path: "/api/audit/verify", Tags: []string{tagAudit},
		Summary: "Check that nobody changed the audit log",
		Description: "Reads all of it, which takes its time: first who changed what, then, connector by connector, what runs did to objects. " +
			"Compares it with the heads in Audit:Head:File, if there is one. " +
			"When that takes long, the answer says where to go on. " + wholeWords,
	}, a.verifyAudit)
}

type verifyInput struct {
	Chain string `query:"chain" maxLength:"100" doc:"Only this one: admin, or objects/ and the id of a connector. All when left out."`
	After string `query:"after" maxLength:"100" doc:"The next of the answer before: only connectors' chains behind this one."`
}

func (a *API) verifyAudit(ctx context.Context, in *verifyInput) (*struct{ Body AuditReport }, error) {
	if in.Chain != "" && in.After != "" {
		return nil, problem.Invalid(problem.Item{Path: "query:after", Message: "it goes on with all chains, so it cannot be together with chain"})
	}
	release, err := a.whole.begin()
	if err != nil {
		return nil, err
	}
	defer release()
	heads, written := a.writtenHeads(ctx)
	out := AuditReport{Intact: written.State != headsUnusable, Written: written}
	ids, err := a.Audit.Connectors(ctx, heads)
	if err != nil {
		return nil, err
	}
	if in.After == "" {
		chain := in.Chain
		if chain == "" {
			chain = audit.AdminChain
		}
		if chain != audit.AdminChain && !slices.ContainsFunc(ids, func(id string) bool { return audit.ObjectChain(id) == chain }) {
			return nil, problem.New(http.StatusNotFound, "audit-chain-not-found", "There is no audit chain of that name; admin is one, and objects/ with the id of each connector that has run.")
		}
		if out.AuditChain, err = a.verifyChain(ctx, chain, heads); err != nil {
			return nil, err
		}
		out.Intact = out.Intact && out.BrokenAt == 0
	}
	if in.Chain != "" {
		return &struct{ Body AuditReport }{out}, nil
	}
	sum := &ConnectorChains{Signers: []string{}, First: []AuditChain{}}
	out.Connectors = sum
	begun := a.Now()
	for n, id := range ids {
		chain := audit.ObjectChain(id)
		if chain <= in.After {
			continue
		}
		one, err := a.verifyChain(ctx, chain, heads)
		if err != nil {
			return nil, err
		}
		sum.add(one)
		out.Intact = out.Intact && one.BrokenAt == 0
		if a.Now().Sub(begun) > verifyLimit && n < len(ids)-1 {
			out.Next = chain
			break
		}
	}
	return &struct{ Body AuditReport }{out}, nil
}

func (s *ConnectorChains) add(one AuditChain) {
	s.Chains++
	s.Records += one.Records
	s.Removed += one.Removed
	s.Heads += one.Heads
	if one.Signer != "" && !slices.Contains(s.Signers, one.Signer) {
		s.Signers = append(s.Signers, one.Signer)
	}
	if one.BrokenAt == 0 {
		return
	}
	if s.Broken++; len(s.First) < mostBroken {
		s.First = append(s.First, one)
	}
}

const headsUnusable = "unusable"

// writtenHeads reads what is kept elsewhere, and says what became of that.
func (a *API) writtenHeads(ctx context.Context) (heads *audit.Heads, w WrittenHeads) {
	var err error
	if a.Heads != nil {
		heads, err = a.Heads()
	}
	switch {
	case err != nil:
		a.Logger.ErrorContext(ctx, "the audit log cannot be compared with its heads", telemetry.KeyError, err, "request_id", problem.RequestID(ctx))
		return nil, WrittenHeads{State: headsUnusable, Why: err.Error()}
	case heads == nil:
		return nil, WrittenHeads{State: "none"}
	}
	return heads, WrittenHeads{State: "compared", Count: heads.Count(), Unreadable: heads.Unreadable}
}

// verifyChain returns also what is wrong with a chain; the error is that it could
// not be read.
func (a *API) verifyChain(ctx context.Context, chain string, heads *audit.Heads) (AuditChain, error) {
	r, err := a.Audit.VerifyChain(ctx, chain, heads)
	out := AuditChain{Chain: chain, Records: r.Records, Hash: r.Hash, Open: r.Open, Removed: r.Removed, Signer: r.Signer, Heads: r.Heads}
	var broken *audit.BrokenError
	if errors.As(err, &broken) {
		a.Logger.ErrorContext(ctx, "the audit log was changed", "chain", chain, "record", broken.Seq, "why", broken.Why, "request_id", problem.RequestID(ctx))
		out.BrokenAt, out.Why = broken.Seq, broken.Why
		return out, nil
	}
	return out, err
}
