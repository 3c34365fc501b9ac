//go:build unix

package stack_test

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"
)

// listenEnv makes this test binary a stand-in for the Admin API; its value is the
// settings file.
const listenEnv = "IDENTITYMESH_TEST_STACK_SETTINGS"

func TestMain(m *testing.M) {
	if file := os.Getenv(listenEnv); file != "" {
		os.Exit(serve(file))
	}
	os.Exit(m.Run())
}

func serve(file string) int {
	data, err := os.ReadFile(file)
	if err != nil {
		return 2
	}
	var settings struct{ AdminApi struct{ Listen string } }
	if err := json.Unmarshal(data, &settings); err != nil {
		return 3
	}
	if err := http.ListenAndServe(settings.AdminApi.Listen, http.NotFoundHandler()); err != nil {
		return 4
	}
	return 0
}
