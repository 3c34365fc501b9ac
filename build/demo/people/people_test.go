package people_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/identitymesh/identitymesh/build/demo/people"
)

func TestTheSameSeedGivesTheSamePeople(t *testing.T) {
	a, b := people.Generate(7, 500), people.Generate(7, 500)
	if !slices.Equal(a, b) {
		t.Error("two calls differ")
	}
	if slices.Equal(a, people.Generate(8, 500)) {
		t.Error("another seed gives the same people")
	}
}

func TestPeopleAreFitForADirectory(t *testing.T) {
	login := regexp.MustCompile(`^[a-z]+\.[a-z]+[0-9]*$`)
	logins := make(map[string]bool)
	all := people.Generate(1, 5000)
	for i, p := range all {
		if p.Number != people.FirstNumber+i {
			t.Fatalf("person %d has number %d", i, p.Number)
		}
		if !login.MatchString(p.Login) || logins[p.Login] {
			t.Errorf("login %q is not fit or taken", p.Login)
		}
		logins[p.Login] = true
		if p.Given == "" || p.Family == "" || p.Department == "" || p.Title == "" || p.City == "" {
			t.Errorf("%+v has gaps", p)
		}
		if (i == 0) != (p.Manager == 0) || p.Manager >= p.Number {
			t.Errorf("person %d is managed by %d", p.Number, p.Manager)
		}
	}
}
