package store_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/identitymesh/identitymesh/engine/connector"
	"github.com/identitymesh/identitymesh/engine/store"
)
