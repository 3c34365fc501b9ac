package directory

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"

	"github.com/identitymesh/identitymesh/build/demo/people"
)

// entry is one entry of the directory. It is never changed, only replaced.
type entry struct {
	dn string
	// key is the normalized DN; two spellings of one DN have the same key.
	key        string
	attributes []attribute
}

type attribute struct {
	name        string
	values      []string
	operational bool
}

// get returns the values of an attribute, whose name has no case.
func (e entry) get(name string) []string {
	for _, a := range e.attributes {
		if strings.EqualFold(a.name, name) {
			return a.values
		}
	}
	return nil
}

// with returns a copy in which the attribute has this one value.
func (e entry) with(name, value string) entry {
	e.attributes = slices.Clone(e.attributes)
	for i, a := range e.attributes {
		if strings.EqualFold(a.name, name) {
			e.attributes[i].values = []string{value}
		}
	}
	return e
}

// selected returns the attributes that a search asked for: all user attributes
// for none or "*", all operational ones for "+", none for "1.1" (RFC 4511, 4.5.1.8;
// RFC 3673).
func (e entry) selected(names []string) []attribute {
	var out []attribute
	for _, a := range e.attributes {
		wanted := !a.operational && (len(names) == 0 || slices.Contains(names, "*"))
		wanted = wanted || a.operational && slices.Contains(names, "+")
		wanted = wanted || slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, a.name) })
		if wanted {
			out = append(out, a)
		}
	}
	return out
}

// normalize returns the key of a DN.
func normalize(dn string) (string, error) {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return "", err
	}
	return strings.ToLower(parsed.String()), nil
}

// stamp writes a time as generalized time in whole seconds (RFC 4517, 3.3.13).
func stamp(at time.Time) string { return at.UTC().Format("20060102150405Z") }

// tree returns the whole directory; the people are its last entries. Nothing in it
// depends on when it is made, so that a restart is no change.
func tree(staff []people.Person) []entry {
	var founded time.Time
	if len(staff) > 0 {
		founded = staff[0].Joined
	}
	domain := newEntry(BaseDN, founded, "top", "domain")
	domain.add("dc", "demo")
	account := newEntry(AccountDN, founded, "top", "applicationProcess")
	account.add("cn", "sync")
	unit := newEntry(PeopleDN, founded, "top", "organizationalUnit")
	unit.add("ou", "people")
	out := []entry{domain, account, unit}
	logins := make(map[int]string, len(staff))
	for _, p := range staff {
		logins[p.Number] = p.Login
	}
	for i, p := range staff {
		e := newEntry(personDN(p.Login), p.Joined, "top", "person", "organizationalPerson", "inetOrgPerson")
		e.add("uid", p.Login)
		e.add("cn", p.Name())
		e.add("givenName", p.Given)
		e.add("sn", p.Family)
		e.add("displayName", p.Name())
		e.add("mail", p.Mail(mailDomain))
		e.add("employeeNumber", strconv.Itoa(p.Number))
		e.add("departmentNumber", p.Department)
		e.add("title", p.Title)
		e.add("l", p.City)
		e.add("telephoneNumber", fmt.Sprintf("+49 30 900900-%04d", i))
		if p.Manager != 0 {
			e.add("manager", personDN(logins[p.Manager]))
		}
		out = append(out, e)
	}
	return out
}

func personDN(login string) string { return "uid=" + login + "," + PeopleDN }

// newEntry returns an entry with its object classes and operational attributes.
func newEntry(dn string, made time.Time, classes ...string) entry {
	key, err := normalize(dn)
	if err != nil {
		// DNs are made of constants and logins of plain letters.
		panic(fmt.Sprintf("the demo directory made the DN %q: %v", dn, err))
	}
	e := entry{dn: dn, key: key}
	e.add("objectClass", classes...)
	at := stamp(made)
	e.attributes = append(e.attributes,
		attribute{name: "entryUUID", values: []string{uuid.NewSHA1(uuid.NameSpaceX500, []byte(key)).String()}, operational: true},
		attribute{name: "createTimestamp", values: []string{at}, operational: true},
		attribute{name: "modifyTimestamp", values: []string{at}, operational: true},
	)
	return e
}

func (e *entry) add(name string, values ...string) {
	e.attributes = append(e.attributes, attribute{name: name, values: values})
}
