package rows_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/identitymesh/identitymesh/plugins/dpapi/rows"
	"github.com/identitymesh/identitymesh/sdk/productdb"
	"github.com/identitymesh/identitymesh/sdk/secret"
)

func count(t *testing.T, f *fixture, db *productdb.DB) (n int) {
	t.Helper()
	err := db.Read.QueryRow(db.Dialect.SQL("SELECT COUNT(*) FROM IM_Secrets WHERE ref LIKE @p1 OR name LIKE @p1"), f.prefix+"%").Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// race runs work at once on tables that are connected separately.
func race(f *fixture, writers int, work func(i int, table *rows.Table)) {
	first, _ := f.open()
	second, _ := f.open()
	var wg sync.WaitGroup
	for i := range writers {
		table := first
		if i%2 == 1 {
			table = second
		}
		wg.Go(func() { work(i, table) })
	}
	wg.Wait()
}

func TestSetsThatMeetAreAllAppliedInSomeOrder(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		const writers, each = 6, 8
		var mu sync.Mutex
		blobs := map[int64]string{}
		var low, high int64
		race(f, writers, func(i int, table *rows.Table) {
			for n := range each {
				blob := fmt.Sprintf("writer %d, set %d", i, n)
				stored, err := table.Put(t.Context(), f.row("hot", blob), nil)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if other, twice := blobs[stored.Number]; twice {
					t.Errorf("version %d is %q and %q", stored.Number, other, blob)
				}
				blobs[stored.Number] = blob
				if low == 0 || stored.Number < low {
					low = stored.Number
				}
				high = max(high, stored.Number)
				mu.Unlock()
			}
		})
		if len(blobs) != writers*each || high-low != writers*each-1 {
			t.Errorf("%d versions from %d to %d", len(blobs), low, high)
		}
		table, _ := f.open()
		if got := f.find(table, f.ref("hot")); got.Number != high || string(got.Blob) != blobs[high] {
			t.Errorf("the row is at %d with %q, want %d with %q", got.Number, got.Blob, high, blobs[high])
		}
	})
}

func TestOfConditionalSetsThatMeetOneWins(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		table, _ := f.open()
		expected := secret.Version("")
		for round := range 5 {
			var mu sync.Mutex
			var won []secret.Version
			race(f, 6, func(i int, table *rows.Table) {
				stored, err := table.Put(t.Context(), f.row("hot", "x"), &expected)
				var conflict *rows.ConflictError
				switch {
				case err == nil:
					mu.Lock()
					won = append(won, stored.Version())
					mu.Unlock()
				case round == 0 && errors.Is(err, rows.ErrExists):
				case round > 0 && errors.As(err, &conflict):
				default:
					t.Errorf("round %d: %v", round, err)
				}
			})
			if len(won) != 1 {
				t.Fatalf("round %d: %d won", round, len(won))
			}
			expected = won[0]
		}
		if got := f.find(table, f.ref("hot")); got.Version() != expected {
			t.Errorf("the row is at %s, want %s", got.Version(), expected)
		}
	})
}

func TestProcessesMayOpenANewTableAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, f *fixture) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { f.open() })
		}
		wg.Wait()
	})
}
