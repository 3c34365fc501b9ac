package ldaptest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

const stampLayout = "20060102150405Z"

// PersonDN returns the DN of person i.
func PersonDN(i int) string { return fmt.Sprintf("uid=p%06d,%s", i, PeopleDN) }

// PersonUUID returns the entryUUID of person i. UUIDs come in no order, as
// those that a server makes.
func PersonUUID(i int) string {
	r := rand.New(rand.NewPCG(uint64(i), 0x1dea))
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], r.Uint64())
	binary.BigEndian.PutUint64(b[8:], r.Uint64())
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// writeData writes the directory's content as LDIF, with the operational
// attributes that a server would have made over the years.
func writeData(path, password string, cfg Config) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	newest := cfg.Newest
	if newest.IsZero() {
		newest = time.Now().Add(-24 * time.Hour)
	}
	newest = newest.UTC().Truncate(time.Second)
	const spread = 3 * 365 * 24 * time.Hour
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintf(w, "dn: %s\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n", Suffix)
	fmt.Fprintf(w, "dn: %s\nobjectClass: organizationalUnit\nou: people\n\n", PeopleDN)
	fmt.Fprintf(w, "dn: %s\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\ncn: sync\nuserPassword: %s\n\n", SyncDN, password)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range cfg.People {
		changed := newest
		if i < cfg.People-1 {
			changed = newest.Add(-time.Duration(random.Int64N(int64(spread)))).Truncate(time.Second)
		}
		writePerson(w, i, changed)
	}
	return w.Flush()
}

func writePerson(w *bufio.Writer, i int, changed time.Time) {
	given, family := givenNames[i%len(givenNames)], familyNames[i/len(givenNames)%len(familyNames)]
	fmt.Fprintf(w, `dn: %s
objectClass: inetOrgPerson
uid: p%06d
cn: %s %s
sn: %s
givenName: %s
displayName: %s, %s
mail: p%06d@example.test
employeeNumber: %d
employeeType: staff
telephoneNumber: +49 30 %07d
title: Engineer %d
departmentNumber: %d
l: Berlin
description: Person number %d
`, PersonDN(i), i, given, family, family, given, family, given, i, 100000+i, i, i%7, i%40, i)
	created, stamp := changed.Add(-24*time.Hour).Format(stampLayout), changed.Format(stampLayout)
	fmt.Fprintf(w, "entryUUID: %s\ncreateTimestamp: %s\nmodifyTimestamp: %s\ncreatorsName: %s\nmodifiersName: %s\nentryCSN: %s.%06dZ#000000#000#000000\n\n",
		PersonUUID(i), created, stamp, adminDN, adminDN, changed.Format("20060102150405"), i%1_000_000)
}

var givenNames = []string{"Ada", "Bruno", "Chiara", "Dmitri", "Elif", "Farid", "Greta", "Hiro", "Ines", "Jonas", "Katya", "Liam", "Mei"}

var familyNames = []string{"Abel", "Baker", "Costa", "Diaz", "Evans", "Fischer", "Garcia", "Hansen", "Ito", "Jensen", "Kowalski",
	"Lopez", "Moreau", "Novak", "Okafor", "Peters", "Rossi", "Smith", "Tanaka"}
