package demo

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"time"

	"github.com/identitymesh/identitymesh/build/demo/client"
	"github.com/identitymesh/identitymesh/build/demo/directory"
	"github.com/identitymesh/identitymesh/build/demo/hr"
)

// wanted is a connector as the demo creates it.
type wanted struct {
	client.Connector
	// address are the keys of its configuration that say where the source is.
	// Only these are put right in a connector that exists; everything else may have
	// been changed by whoever tries the demo out.
	address []string
}

func (d *Demo) wantedHR() wanted {
	return wanted{address: []string{"connectionString"}, Connector: client.Connector{
		Name: "Demo HR", Type: "sql", Enabled: true, Config: map[string]any{
			"driver":           "sqlite",
			"connectionString": d.HRFile(),
			"query":            hr.Query,
			"anchorColumn":     "EmployeeId",
			"deltaColumn":      "ModifiedDate",
			"deltaType":        "timestamp",
			"orderedByDelta":   true,
		},
	}}
}

func (d *Demo) wantedDirectory() wanted {
	address := d.Directory.Addr()
	return wanted{address: []string{"host", "port"}, Connector: client.Connector{
		Name: "Demo directory", Type: "ldap", Enabled: true, Config: map[string]any{
			"host":              address.IP.String(),
			"port":              float64(address.Port), // as it is read back
			"security":          "none",
			"bindDn":            directory.AccountDN,
			"passwordSecretRef": PasswordRef,
			"baseDn":            directory.PeopleDN,
			"attributes":        strings.Fields("uid cn givenName sn displayName mail employeeNumber departmentNumber title l telephoneNumber manager"),
		},
	}}
}

// ensure creates the connector and its schedule where they do not exist, and puts
// the address of its source right. It says which of these it did.
func (d *Demo) ensure(ctx context.Context, w wanted, interval time.Duration) (_ client.Connector, did string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("set up connector %s: %w", w.Name, err)
		}
	}()
	c, did, err := d.connector(ctx, w)
	if err != nil {
		return c, "", err
	}
	schedules, err := d.API.Schedules(ctx, c.ID)
	if err != nil {
		return c, "", err
	}
	if len(schedules) == 0 {
		err := d.API.CreateSchedule(ctx, c.ID, client.Schedule{Kind: client.Delta, IntervalSeconds: int64(interval / time.Second)})
		if err != nil {
			return c, "", err
		}
		did += fmt.Sprintf(", with a delta every %.0f s", interval.Seconds())
	}
	return c, did, nil
}

func (d *Demo) connector(ctx context.Context, w wanted) (_ client.Connector, did string, err error) {
	all, err := d.API.Connectors(ctx)
	if err != nil {
		return client.Connector{}, "", err
	}
	for _, c := range all {
		if !strings.EqualFold(c.Name, w.Name) {
			continue
		}
		config := maps.Clone(c.Config)
		for _, key := range w.address {
			config[key] = w.Config[key]
		}
		if reflect.DeepEqual(config, c.Config) {
			return c, "as it was", nil
		}
		c.Config = config
		c, err = d.API.UpdateConnector(ctx, c)
		return c, "its source moved, updated", err
	}
	c, err := d.API.CreateConnector(ctx, w.Connector)
	return c, "created", err
}
