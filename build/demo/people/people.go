// Package people makes up the staff of the demo's company.
//
// The same seed gives the same people, so that counts can be foretold. It knows
// nothing of directories and databases. Start reading at [Generate].
package people

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Person is a made-up employee.
type Person struct {
	// Number is unique and begins at 1001.
	Number int
	// Login is unique, lower case and ASCII.
	Login string
	// Given and Family names may hold letters outside of ASCII.
	Given, Family     string
	Department, Title string
	City              string
	// Joined is when the person came, and so when the record of the person was made;
	// it lies in the past of every demo.
	Joined time.Time
	// Manager is the number of another person; 0 for the head of the company.
	Manager int
}

// Name returns the full name.
func (p Person) Name() string { return p.Given + " " + p.Family }

// Mail returns the address in the given domain.
func (p Person) Mail(domain string) string { return p.Login + "@" + domain }

// FirstNumber is the number of the first person.
const FirstNumber = 1001

// staff is how many people report to one manager.
const staff = 12

// Generate makes n people.
func Generate(seed uint64, n int) []Person {
	founded := time.Date(2025, time.January, 6, 8, 0, 0, 0, time.UTC)
	random := rand.New(rand.NewPCG(seed, uint64(n)))
	logins := make(map[string]int)
	out := make([]Person, 0, n)
	for i := range n {
		p := Person{
			Number: FirstNumber + i,
			Given:  pick(random, givenNames()),
			Family: pick(random, familyNames()),
			City:   pick(random, cities()),
			Joined: founded.Add(time.Duration(random.Int64N(int64(365*24*time.Hour/time.Second))) * time.Second),
		}
		d := departments()[random.IntN(len(departments()))]
		p.Department, p.Title = d.name, pick(random, d.titles)
		if i > 0 {
			p.Manager = FirstNumber + (i-1)/staff
		} else {
			p.Department, p.Title = "Management", "Chief Executive Officer"
		}
		p.Login = plain(p.Given) + "." + plain(p.Family)
		logins[p.Login]++
		if again := logins[p.Login]; again > 1 {
			p.Login = fmt.Sprintf("%s%d", p.Login, again)
		}
		out = append(out, p)
	}
	return out
}

func pick(random *rand.Rand, from []string) string { return from[random.IntN(len(from))] }

// plain spells a name of this package in lower-case ASCII.
func plain(name string) string {
	return strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "é", "e", "è", "e", "ó", "o", "ł", "l",
		"ń", "n", "ñ", "n", "ç", "c", "å", "a", "ø", "oe", "á", "a", "ë", "e", "ú", "u", "í", "i", "ș", "s", "'", "", " ", "").
		Replace(strings.ToLower(name))
}
