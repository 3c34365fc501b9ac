package pace_test

import (
	"context"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/identitymesh/identitymesh/tools/migrate/pace"
)

// counted makes calls from some callers for a while, and returns how many there were
// in each second.
func counted(t *testing.T, p *pace.Pacer, seconds int, call func(second int)) []int {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(seconds)*time.Second)
	defer cancel()
	var mu sync.Mutex
	out := make([]int, seconds)
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for p.Wait(ctx) == nil {
				second := int(time.Since(began) / time.Second)
				if second >= seconds {
					return
				}
				mu.Lock()
				out[second]++
				mu.Unlock()
				if call != nil {
					call(second)
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	callers.Wait()
	return out
}

func TestItStaysBelowTheLimitAndUsesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace.New(pace.Config{PerSecond: 30})
		sum := 0
		for second, n := range counted(t, p, 20, nil) {
			if sum += n; n > 30 && second > 0 {
				t.Errorf("%d calls in second %d", n, second)
			}
		}
		if sum < 20*30*95/100 || sum > 20*30 {
			t.Errorf("%d calls in 20 s", sum)
		}
	})
}

func TestARefusalHalvesTheRateWhichThenComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace.New(pace.Config{PerSecond: 100})
		var once sync.Once
		n := counted(t, p, 60, func(second int) {
			if second == 3 {
				once.Do(func() { p.Refused(2 * time.Second); p.Refused(2 * time.Second) })
			}
		})
		if n[4] > 8 {
			t.Errorf("%d calls while the store wanted none", n[4])
		}
		if n[6] < 35 || n[6] > 60 {
			t.Errorf("%d calls a second after the refusal", n[6])
		}
		if n[59] < 90 || n[59] > 100 {
			t.Errorf("%d calls a second in the end", n[59])
		}
	})
}

func TestWithoutALimitOnlyRefusalsSlowItDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace.New(pace.Config{})
		if !math.IsInf(p.Limit(), 1) {
			t.Error("there is a limit")
		}
		var once sync.Once
		n := counted(t, p, 10, func(second int) {
			p.Passed()
			if second == 3 {
				once.Do(func() { p.Refused(0) })
			}
		})
		if n[1] < 5000 || n[6] > n[1]*2/3 || n[6] < n[1]/4 {
			t.Errorf("%v", n)
		}
	})
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	p := pace.New(pace.Config{PerSecond: 1})
	p.Refused(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if p.Wait(ctx) == nil || p.Pause(ctx) == nil {
		t.Error("waited on")
	}
}
