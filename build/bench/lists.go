package bench

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

const (
	listedConnectors = 100_000
	listPage         = 50
	listBlocks       = 10
	listPerBlock     = 200
	readers          = 8
	readsEach        = 25
)

// listColumns is what a list of connectors reads.
const listColumns = `SELECT c.id, c.name, c.type, c.config, c.enabled, c.instance_name, c.version, c.created, c.updated, c.refs, c.trend, c.run_at, c.next_due,
	r.id, r.kind, r.status, r.queued, r.started, r.finished, r.added, r.updated, r.unchanged, r.absent, r.failed, r.reason, SUBSTRING(r.error_text, 1, 300)
	FROM IM_Connectors c LEFT JOIN IM_RunHistory r ON r.seq = c.run_seq`

// listQueries are lists and the statements that they come down to.
var listQueries = []struct{ path, statement string }{
	{"sort=name", " ORDER BY c.name_key LIMIT ?"},
	{"sort=-lastRun", " ORDER BY c.run_at DESC, c.name_key DESC LIMIT ?"},
	{"sort=nextRun", " ORDER BY c.next_due, c.name_key LIMIT ?"},
	{"status=Failed", " WHERE c.run_status = 'Failed' ORDER BY c.name_key LIMIT ?"},
}

// Lists compares pages of the list of 100,000 connectors, asked for with a token at
// the Admin API's own process, with the same queries run bare: the slowest of a
// hundred with the query alone, and reads a second with a bare handler of net/http
// that runs it and writes what it reads.
func Lists(ctx context.Context, e Env) ([]Figure, error) {
	folder := filepath.Join(e.Dir, "lists")
	data := filepath.Join(folder, "data")
	db, err := store.Open(ctx, store.Config{DB: productdb.Config{DataFolder: data}})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if err := fill(ctx, db.DB().Write); err != nil {
		return nil, fmt.Errorf("fill the database: %w", err)
	}
	address, token, stop, err := startAdminAPI(ctx, e, folder)
	if err != nil {
		return nil, err
	}
	defer stop()
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		list, err := bareQuery(r.Context(), db.DB().Read, listQueries[0].statement)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(list)
	}))
	defer bare.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: readers}}
	ask := func(ctx context.Context, url string) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+token)
		answer, err := client.Do(request)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		if answer.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: status %d", url, answer.StatusCode)
		}
		return errors.Join(err, answer.Body.Close())
	}
	page := func(query string) string {
		return fmt.Sprintf("http://%s/api/connectors?limit=%d&%s", address, listPage, query)
	}

	worst := pair{}
	for _, q := range listQueries {
		p, err := inTurn(listBlocks, func(c call) (float64, error) { return block99(ctx, c) },
			func(ctx context.Context) error { return ask(ctx, page(q.path)) },
			func(ctx context.Context) error { _, err := bareQuery(ctx, db.DB().Read, q.statement); return err })
		if err != nil {
			return nil, err
		}
		e.say("adminapi_list: %s p99 %.0f us, the query alone %.0f us", q.path, p.ours/1e3, p.theirs/1e3)
		if p.ratio > worst.ratio {
			worst = p
		}
	}
	rate, err := inTurn(listBlocks, func(c call) (float64, error) { return readRate(ctx, c) },
		func(ctx context.Context) error { return ask(ctx, page(listQueries[0].path)) },
		func(ctx context.Context) error { return ask(ctx, bare.URL) })
	if err != nil {
		return nil, err
	}
	e.say("adminapi_reads: %.0f authenticated reads/s, %.0f of the bare handler", rate.ours, rate.theirs)
	return []Figure{
		{Name: "adminapi_list", Value: worst.ratio, Goal: 3},
		// Of 2,000 a second or 60 % of the bare handler, whichever is lower.
		{Name: "adminapi_reads", Value: rate.ours / min(2000, 0.6*rate.theirs), Goal: 1, AtLeast: true},
	}, nil
}

// fill writes connectors with a run each.
func fill(ctx context.Context, db *sql.DB) error {
	const numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) "
	const at = "strftime('%Y-%m-%dT%H:%M:%S.000000Z', 1767225600 + (i * 7919) % 86400, 'unixepoch')"
	for _, statement := range []string{
		numbers + `INSERT INTO IM_Connectors (id, name, name_key, type, config, enabled, instance_name, instance_key, version, created, updated, refs, run_seq, run_status, run_at, trend, next_due)
			SELECT printf('%036d', i), printf('Directory of site %06d', i), printf('directory of site %06d', i), 'ldap',
			'{"host":"ldap.example.test","baseDn":"ou=people,dc=example,dc=test","bindDn":"cn=reader,dc=example,dc=test","passwordSecretRef":"secret://ad/svc/password"}',
			1, '', '', 1, ` + at + `, ` + at + `, '["secret://ad/svc/password"]', i, CASE WHEN i % 20 = 0 THEN 'Failed' ELSE 'Succeeded' END, ` + at + `,
			'Succeeded 1200,Succeeded 1300,Succeeded 900,Failed 100,Succeeded 1200,Succeeded 1300,Succeeded 900,Succeeded 1250,Succeeded 1200,Succeeded 1300', ` + at + ` FROM n`,
		numbers + `INSERT INTO IM_ConnectorState (connector_id, watermark, lease_holder, lease_token, updated) SELECT printf('%036d', i), 'w', '', 0, ` + at + ` FROM n`,
		numbers + `INSERT INTO IM_RunHistory (seq, id, connector_id, connector_name, connector_type, kind, trigger_name, requested_by, instance_name, instance_key, incarnation,
			status, queued, started, finished, added, updated, unchanged, absent, failed, pages, reason, error_text, watermark_before, watermark_after, trace_id, report)
			SELECT i, printf('r%035d', i), printf('%036d', i), 'Directory', 'ldap', 'delta', 'schedule', '', 'north', 'north', '1',
			CASE WHEN i % 20 = 0 THEN 'Failed' ELSE 'Succeeded' END, ` + at + `, ` + at + `, ` + at + `, 1, 2, 3, 0, 0, 1, '', '', 'v', 'w', '', '' FROM n`,
	} {
		if _, err := db.ExecContext(ctx, statement, listedConnectors); err != nil {
			return err
		}
	}
	return nil
}

// bareQuery reads what a page of the list reads, without knowing what it means.
func bareQuery(ctx context.Context, db *sql.DB, rest string) (list [][]any, err error) {
	rows, err := db.QueryContext(ctx, listColumns+rest, listPage+1)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		row, to := make([]any, len(columns)), make([]any, len(columns))
		for n := range row {
			to[n] = &row[n]
		}
		if err := rows.Scan(to...); err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, rows.Err()
}

// block99 returns the 99th percentile of a block of calls, in nanoseconds.
func block99(ctx context.Context, c call) (float64, error) {
	times := make([]float64, 0, listPerBlock)
	for range listPerBlock {
		begin := time.Now()
		if err := limited(ctx, c); err != nil {
			return 0, err
		}
		times = append(times, float64(time.Since(begin)))
	}
	slices.Sort(times)
	return times[listPerBlock*99/100], nil
}

// readRate returns how many calls a second some callers make at once.
func readRate(ctx context.Context, c call) (float64, error) {
	var all sync.WaitGroup
	errs := make([]error, readers)
	begin := time.Now()
	for i := range readers {
		all.Go(func() {
			for range readsEach {
				if errs[i] = limited(ctx, c); errs[i] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	return readers * readsEach / time.Since(begin).Seconds(), errors.Join(errs...)
}

// startAdminAPI starts the Admin API on a folder and returns where it listens and
// the administrator's token.
func startAdminAPI(ctx context.Context, e Env, folder string) (address, token string, stop func(), err error) {
	file := filepath.Join(folder, "appsettings.json")
	body, _ := json.Marshal(map[string]any{
		"IdentityMesh": map[string]any{"DataFolder": "data", "PluginFolder": e.Bin}, "AdminApi": map[string]any{"Listen": "127.0.0.1:0"},
		"Logging": map[string]any{"Level": "error"},
	})
	if err := os.WriteFile(file, body, 0o600); err != nil {
		return "", "", nil, err
	}
	server := exec.CommandContext(ctx, filepath.Join(e.Bin, "identitymesh-adminapi"), "--config", file)
	said, err := server.StdoutPipe()
	if err != nil {
		return "", "", nil, err
	}
	if err := server.Start(); err != nil {
		return "", "", nil, err
	}
	stop = func() { _ = server.Process.Kill(); _ = server.Wait() }
	line, err := bufio.NewReader(said).ReadString('\n')
	_, address, found := strings.Cut(strings.TrimSpace(line), "listening on http://")
	if _, _, bad := net.SplitHostPort(address); err != nil || !found || bad != nil {
		stop()
		return "", "", nil, fmt.Errorf("the Admin API said %q: %w", line, errors.Join(err, bad))
	}
	text, err := os.ReadFile(filepath.Join(folder, "data", "admin-token"))
	if err != nil {
		stop()
		return "", "", nil, err
	}
	return address, strings.TrimSpace(string(text)), stop, nil
}
