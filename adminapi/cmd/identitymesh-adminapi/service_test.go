//go:build linux || windows

package main_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/identitymesh/identitymesh/sdk/loopbacktest"
)

// stopLimit is what the manual promises.
const stopLimit = 10 * time.Second

// Both programs run as services of this system, with the real plugin; see
// newServices. The directory that is imported takes the connection and then says
// nothing.
func TestEngineAndAdminAPIAsServicesEndARunInOrder(t *testing.T) {
	i := install(t)
	i.listenAt(loopbacktest.Address(t))
	services := newServices(i)
	api := &server{installation: i, url: "http://" + i.address}
	services.start(t, program)
	services.start(t, engine)

	token := i.token()
	ask := func(want int, method, path, body string) string {
		t.Helper()
		code, answer := api.ask(token, method, path, body)
		if code != want {
			t.Fatalf("%s %s: %d %s", method, path, code, answer)
		}
		return answer
	}
	silent, connected := silentDirectory(t)
	ask(200, "PUT", "/api/secrets", `{"ref": "secret://ad/svc/password", "value": "canary-88"}`)
	var connector, run struct{ ID, Status, Reason, Finished string }
	decode(t, ask(201, "POST", "/api/connectors", fmt.Sprintf(`{"name": "Silent", "type": "ldap", "config": {"host": "127.0.0.1", "port": %d,
		"security": "none", "baseDn": "dc=x", "bindDn": "cn=reader,dc=x", "passwordSecretRef": "secret://ad/svc/password"}}`, silent)), &connector)
	decode(t, ask(202, "POST", "/api/runs", `{"connectorId": "`+connector.ID+`", "kind": "full"}`), &run)
	select {
	case <-connected: // with the password, which only the plugin could tell
	case <-time.After(patience):
		t.Fatalf("the engine does not connect: %s", ask(200, "GET", "/api/runs/"+run.ID, ""))
	}

	began := time.Now()
	services.stop(t, engine)
	if took := time.Since(began); took > stopLimit {
		t.Errorf("the engine took %s to stop", took)
	}
	decode(t, ask(200, "GET", "/api/runs/"+run.ID, ""), &run)
	if run.Status != "Interrupted" || run.Reason != "INTERRUPTED" || run.Finished == "" {
		t.Errorf("the run is %+v", run)
	}
	if status := ask(200, "GET", "/api/status", ""); strings.Contains(status, `"role":"engine"`) {
		t.Errorf("the engine is still on the list: %s", status)
	}
	began = time.Now()
	services.stop(t, program)
	if took := time.Since(began); took > stopLimit {
		t.Errorf("the Admin API took %s to stop", took)
	}
	for _, name := range []string{program, engine} {
		log := services.log(t, name)
		if !strings.Contains(log, `"msg":"starting"`) || !strings.Contains(log, `"msg":"stopped"`) ||
			strings.Contains(log, "canary-88") || strings.Contains(log, "in time") {
			t.Errorf("the log of %s is %s", name, log)
		}
	}
}

// listenAt sets the address of the Admin API.
func (i *installation) listenAt(address string) {
	i.t.Helper()
	settings, err := json.Marshal(map[string]any{
		"IdentityMesh": map[string]any{"DataFolder": i.data}, "AdminApi": map[string]any{"Listen": address},
	})
	if err == nil {
		err = os.WriteFile(i.config, settings, 0o600)
	}
	if err != nil {
		i.t.Fatal(err)
	}
	i.address = address
}

// silentDirectory accepts connections and reads what comes, and nothing else.
func silentDirectory(t *testing.T) (port int, connected <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	said := make(chan struct{}, 1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			go func() {
				first := make([]byte, 1)
				if _, err := conn.Read(first); err == nil {
					said <- struct{}{}
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port, said
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}
