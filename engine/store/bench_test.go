package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/identitymesh/identitymesh/engine/identity"
	"github.com/identitymesh/identitymesh/engine/store"
	"github.com/identitymesh/identitymesh/sdk/productdb"
)

const (
	benchObjects = 50_000
	benchPage    = 1_000
)

// staff returns objects of 12 attributes, about 600 bytes each, whose anchors
// are in no order, as an LDAP server sends them.
func staff(n int) []identity.Object {
	random := rand.New(rand.NewPCG(1, 2))
	list := make([]identity.Object, n)
	for k := range list {
		o := &list[k]
		o.Anchor = fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", random.Uint32(), random.Uint32()&0xffff, random.Uint32()&0xfff,
			random.Uint32()&0xfff, random.Uint64()&0xffffffffffff)
		o.Type = "user"
		for a := range 11 {
			o.Attributes = append(o.Attributes, identity.Attribute{Name: fmt.Sprintf("attribute%02d", a),
				Values: []string{fmt.Sprintf("a value of person %d, number %d", k, a)}})
		}
		o.Attributes = append(o.Attributes, identity.Attribute{Name: "memberOf", Values: []string{
			fmt.Sprintf("CN=Team %d,OU=Groups,DC=example,DC=com", k%50), "CN=All,OU=Groups,DC=example,DC=com"}})
		o.Normalize()
	}
	return list
}

func bench(b *testing.B) *fixture {
	return backend{"SQLite", productdb.Config{DataFolder: b.TempDir()}}.open(b)
}

func stageAll(b *testing.B, f *fixture, c store.Claimed, objects []identity.Object) store.Counts {
	i := f.begin(b, c)
	for at := 0; at < len(objects); at += benchPage {
		must1(i.Stage(b.Context(), store.Batch{Objects: objects[at:min(at+benchPage, len(objects))]}))(b)
	}
	counts := must1(i.Complete(b.Context(), "w", c.Run.Kind == store.Full))(b)
	must(b, f.ReleaseLease(b.Context(), c.Lease))
	return counts
}

func perObject(b *testing.B, n int) {
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "objects/s")
}

// BenchmarkStageNew is the first full import of 50,000 objects.
func BenchmarkStageNew(b *testing.B) {
	objects, f := staff(benchObjects), bench(b)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		c := f.running(b, store.Full)
		b.StartTimer()
		if counts := stageAll(b, f, c, objects); counts.Added != benchObjects {
			b.Fatal(counts)
		}
		b.StopTimer()
		must(b, f.DeleteConnector(b.Context(), c.Connector.ID, 0))
		b.StartTimer()
	}
	perObject(b, benchObjects)
}

// BenchmarkStageUnchanged is a full import that finds nothing new.
func BenchmarkStageUnchanged(b *testing.B) {
	objects, f := staff(benchObjects), bench(b)
	c := f.running(b, store.Full)
	stageAll(b, f, c, objects)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		again := f.runAgain(b, c.Connector, store.Full)
		b.StartTimer()
		if counts := stageAll(b, f, again, objects); counts.Unchanged != benchObjects {
			b.Fatal(counts)
		}
	}
	perObject(b, benchObjects)
}

// BenchmarkStageDelta is a delta of 100 changed objects among 50,000.
func BenchmarkStageDelta(b *testing.B) {
	objects, f := staff(benchObjects), bench(b)
	c := f.running(b, store.Full)
	stageAll(b, f, c, objects)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		again := f.runAgain(b, c.Connector, store.Delta)
		n++
		page := make([]identity.Object, 100)
		for k := range page {
			page[k] = objects[k*37]
			page[k].Attributes = append([]identity.Attribute{{Name: "a", Values: []string{fmt.Sprint(n)}}}, page[k].Attributes...)
		}
		b.StartTimer()
		if counts := stageAll(b, f, again, page); counts.Updated != 100 {
			b.Fatal(counts)
		}
	}
	perObject(b, 100)
}
