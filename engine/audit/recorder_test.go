package audit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/identitymesh/identitymesh/engine/audit"
	"github.com/identitymesh/identitymesh/sdk/logtest"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

func config(log *audit.Log, folder string, logs *logtest.Buffer) audit.RecorderConfig {
	return audit.RecorderConfig{
		Log: log, File: filepath.Join(folder, "audit-test.jsonl"), Logger: slog.New(slog.NewJSONHandler(logs, nil)), Now: time.Now,
		NewID: uuid.NewString, WriteLimit: 5 * time.Second, Retry: 20 * time.Millisecond,
	}
}

func (w *world) record(c audit.RecorderConfig) *audit.Recorder {
	w.t.Helper()
	r, err := audit.OpenRecorder(w.t.Context(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) all() (list []audit.Record) {
	w.t.Helper()
	if err := w.Records(context.Background(), 0, func(r audit.Record) error { list = append(list, r); return nil }); err != nil {
		w.t.Fatal(err)
	}
	return list
}

// wait waits until the log has as many records.
func (w *world) wait(n int) []audit.Record {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		list := w.all()
		if len(list) >= n {
			return list
		}
		if time.Now().After(end) {
			w.t.Fatalf("the log has %d records: %+v", len(list), list)
		}
	}
}

// lock keeps everybody from writing until the function is called.
func (w *world) lock() (unlock func()) {
	w.t.Helper()
	other, err := productdb.Open(w.t.Context(), productdb.Config{DataFolder: w.folder})
	if err != nil {
		w.t.Fatal(err)
	}
	// SQLite lets nobody queue: who waits may find others before him for long.
	tx, err := other.Write.BeginTx(context.Background(), nil)
	for range 5 {
		if err == nil {
			break
		}
		tx, err = other.Write.BeginTx(context.Background(), nil)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return sync.OnceFunc(func() { _, _ = tx.Rollback(), other.Close() })
}

func events(n int) audit.Entry {
	return audit.Entry{Actor: audit.System, Action: "plugin.state", Target: "plugins/x", Address: "host7", Detail: fmt.Sprintf(`{"n":%d}`, n)}
}

func TestWhatHappensIsRecordedOnce(t *testing.T) {
	w := newWorld(t)
	r := w.record(config(w.Log, w.folder, &logtest.Buffer{}))
	for n := range 500 {
		r.Record(events(n), "OK")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	list := w.all()
	if len(list) != 500 || list[499].Phase != audit.Event || list[499].Entry != events(499) || list[499].Outcome != "OK" {
		t.Fatalf("%d records, the last is %+v", len(list), list[len(list)-1])
	}
	if report, err := w.Verify(t.Context()); err != nil || report.Open != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	w.record(config(w.Log, w.folder, &logtest.Buffer{})).Close()
	if n := len(w.all()); n != 500 {
		t.Errorf("the next start recorded %d more", n-500)
	}
}

func TestWhileTheLogIsAwayAFileKeepsWhatHappens(t *testing.T) {
	w := newWorld(t)
	var logs logtest.Buffer
	c := config(w.Log, w.folder, &logs)
	c.WriteLimit = time.Second
	r := w.record(c)
	r.Record(events(0), "")
	w.wait(1)
	unlock := w.lock()
	defer unlock()
	began := time.Now()
	for n := 1; n <= 3; n++ {
		r.Record(events(n), "OK")
	}
	if took := time.Since(began); took > c.WriteLimit/2 {
		t.Errorf("whoever recorded waited %s", took)
	}
	for end := time.Now().Add(20 * time.Second); r.Problem() == ""; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody sees it")
		}
	}
	if err := r.Close(); err != nil { // and the program starts anew
		t.Fatal(err)
	}
	unlock()
	c.WriteLimit = 5 * time.Second
	r = w.record(c)
	defer r.Close()
	list := w.wait(5)
	r.Record(events(4), "")
	list = w.wait(6)
	var got []string
	for _, x := range list {
		got = append(got, x.Action+x.Detail[:min(6, len(x.Detail))])
	}
	if want := `[plugin.state{"n":0 audit.spooled{"reco plugin.state{"happ plugin.state{"happ plugin.state{"happ plugin.state{"n":4]`; fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
	var said struct {
		Records  int
		From, To time.Time
	}
	var when struct {
		Happened time.Time
		Detail   struct{ N int }
	}
	if err := json.Unmarshal([]byte(list[1].Detail), &said); err != nil || said.Records != 3 || said.From.Before(began.Add(-time.Second)) || said.To.Before(said.From) {
		t.Errorf("it says %s", list[1].Detail)
	}
	if err := json.Unmarshal([]byte(list[3].Detail), &when); err != nil || when.Detail.N != 2 || when.Happened.Before(said.From) || list[3].Outcome != "OK" {
		t.Errorf("the second says %s", list[3].Detail)
	}
	if r.Problem() != "" || !strings.Contains(logs.String(), "the audit log can be written again") {
		t.Errorf("afterwards: %q, %s", r.Problem(), logs.String())
	}
}

func TestAFullFileDropsLoudlyAndTheLogSaysHowMany(t *testing.T) {
	w := newWorld(t)
	var logs logtest.Buffer
	c := config(w.Log, w.folder, &logs)
	c.MaxBytes, c.WriteLimit = 2000, impatient
	r := w.record(c)
	defer r.Close()
	unlock := w.lock()
	defer unlock()
	const many = 100
	for n := range many {
		r.Record(events(n), "")
	}
	time.Sleep(500 * time.Millisecond)
	info, err := os.Stat(c.File)
	if err != nil || info.Size() > c.MaxBytes || info.Size() < c.MaxBytes/2 {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
	unlock()
	var list []audit.Record
	for end := time.Now().Add(20 * time.Second); len(list) == 0 || list[len(list)-1].Action != "audit.dropped"; list = w.all() {
		if time.Now().After(end) {
			t.Fatalf("no record says that others were dropped: %+v", list)
		}
		time.Sleep(5 * time.Millisecond)
	}
	kept := 0
	for n, x := range list[1 : len(list)-1] {
		if !strings.Contains(x.Detail, fmt.Sprintf(`"n":%d}`, n)) {
			t.Errorf("record %d is %s", n, x.Detail)
		}
		kept++
	}
	if want := fmt.Sprintf(`{"records":%d,`, many-kept); kept == 0 || !strings.HasPrefix(list[len(list)-1].Detail, want) || !strings.Contains(logs.String(), "were dropped") {
		t.Errorf("%d were kept, and it says %s", kept, list[len(list)-1].Detail)
	}
}

func TestTwoProcessesDoNotShareAFile(t *testing.T) {
	w := newWorld(t)
	c := config(w.Log, w.folder, &logtest.Buffer{})
	r := w.record(c)
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := audit.OpenRecorder(ctx, c); err == nil || !strings.Contains(err.Error(), "InstanceName") {
		t.Errorf("got %v", err)
	}
}

func TestALineThatCannotBeReadIsRecordedAsDropped(t *testing.T) {
	w := newWorld(t)
	c := config(w.Log, w.folder, &logtest.Buffer{})
	text := `{"source":"s1"}` + "\n" + `{"n":1,"at":"2026-11-23T01:02:03Z","entry":{"actor":"system","action":"a"}}` + "\n" + "noise\n" +
		`{"n":3,"at":"2026-11-23T01:02:03Z","entry":{"actor":"system","action":"b"}}` + "\n" + `{"n":4,"at"`
	if err := os.WriteFile(c.File, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := w.record(c)
	defer r.Close()
	var actions []string
	for _, x := range w.wait(4) {
		actions = append(actions, x.Action)
	}
	// What had no end was never promised.
	if fmt.Sprint(actions) != "[audit.spooled a b audit.dropped]" {
		t.Errorf("recorded are %v", actions)
	}
}

func TestAProgramThatStopsDoesNotWaitForAllThatTheFileKeeps(t *testing.T) {
	w := newWorld(t)
	c := config(w.Log, w.folder, &logtest.Buffer{})
	const batches, many = 40, 40 * 200
	text := &strings.Builder{}
	fmt.Fprintln(text, `{"source":"s1"}`)
	for n := 1; n <= many; n++ {
		fmt.Fprintf(text, `{"n":%d,"at":"2026-11-23T01:02:03Z","entry":{"actor":"system","action":"a","detail":"%d"}}`+"\n", n, n)
	}
	if err := os.WriteFile(c.File, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	const slow = 300 * time.Millisecond
	slowly := c
	slowly.Log = audit.On(w.db, func() time.Time { time.Sleep(slow); return monday })
	r := w.record(slowly)
	begun := time.Now()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > batches*slow*2/3 {
		t.Errorf("it took %s", took)
	}
	if n := len(w.all()); n == 0 || n >= many {
		t.Errorf("%d records are in the log", n)
	}
	// The next start has the rest, once each and in order.
	r = w.record(c)
	defer r.Close()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(500 * time.Millisecond) { // reading them all is work too
		if list := w.all(); strings.Contains(list[len(list)-1].Detail, fmt.Sprintf(`"detail":%d}`, many)) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the rest does not come")
		}
	}
	next := 1
	for _, x := range w.all() {
		if x.Action == "audit.spooled" {
			continue
		}
		if !strings.Contains(x.Detail, fmt.Sprintf(`"detail":%d}`, next)) {
			t.Fatalf("instead of %d there is %s", next, x.Detail)
		}
		next++
	}
	if next != many+1 {
		t.Errorf("%d are recorded", next-1)
	}
}
