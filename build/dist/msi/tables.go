package msi

import (
	"context"
	"fmt"
	"strings"

	"github.com/identitymesh/identitymesh/build/command"
	"github.com/identitymesh/identitymesh/sdk/datafolder"
)

// What Windows Installer's reference calls these.
const (
	// Attributes of a component.
	permanent, neverOverwrite, in64Bit = 0x10, 0x80, 0x100
	// Attributes of a feature: it is installed and never only advertised.
	notAdvertised = 0x8
	// An older version is removed and tells which features it had.
	migrateFeatures, fromMinimum, toMaximum = 0x1, 0x100, 0x200
	// A custom action that runs a command line in a directory, as SYSTEM while the
	// installation is written, and whose failure is no failure of the installation.
	runCommand = 0x22 + 0x400 + 0x800 + 0x40
	// Its place: when the services are there and before they start.
	beforeStartServices = 5850
	// A custom action that sets a property, and its place: behind the search in the
	// registry.
	setProperty, afterSearch = 0x33, 60
)

// setting gives a property its value under a condition. What is found in the
// registry cannot go into the property itself, because it would win over what was
// asked for.
type setting struct{ property, value, condition string }

// amend adds what wixl has no words for.
func amend(ctx context.Context, file string, d description) error {
	queries := []string{
		// Written anew, because the attributes are part of the key.
		"DELETE FROM `Upgrade` WHERE `ActionProperty` = 'OLDERFOUND'",
		fmt.Sprintf("INSERT INTO `Upgrade` (`UpgradeCode`, `VersionMin`, `VersionMax`, `Attributes`, `ActionProperty`) "+
			"VALUES ('%s', '0.0.0', '%s', %d, 'OLDERFOUND')", d.UpgradeCode, d.Version, migrateFeatures|fromMinimum|toMaximum),
	}
	queries = append(queries, fmt.Sprintf("UPDATE `Feature` SET `Attributes` = %d", notAdvertised))
	remembered := []setting{{"INSTALLDIR", "[FORMERDIR]", "NOT INSTALLDIR AND FORMERDIR"}}
	for _, s := range d.Services {
		former := "FORMER" + s.AccountProperty
		remembered = append(remembered,
			setting{s.AccountProperty, "[" + former + "]", "NOT " + s.AccountProperty + " AND " + former},
			setting{s.AccountProperty, `NT SERVICE\` + s.Service, "NOT " + s.AccountProperty})
	}
	secure := "OLDERFOUND;NEWERFOUND"
	for i, r := range remembered {
		action := fmt.Sprintf("Remember%d", i)
		queries = append(queries,
			fmt.Sprintf("INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('%s', %d, '%s', '%s')", action, setProperty, r.property, r.value),
			fmt.Sprintf("INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('%s', '%s', %d)", action, r.condition, afterSearch+i))
		if !strings.Contains(secure, r.property) {
			secure += ";" + r.property
		}
	}
	// Else they would be lost on the way to the part that has the rights.
	queries = append(queries, fmt.Sprintf("UPDATE `Property` SET `Value` = '%s' WHERE `Property` = 'SecureCustomProperties'", secure))
	if d.Whole {
		queries = append(queries,
			// The settings and the data beside them are the administrator's: they are
			// written once and outlive the product.
			fmt.Sprintf("UPDATE `Component` SET `Attributes` = %d WHERE `Component` = 'Settings'", permanent|neverOverwrite|in64Bit),
			"CREATE TABLE `MsiLockPermissionsEx` (`MsiLockPermissionsEx` CHAR(72) NOT NULL, `LockObject` CHAR(72) NOT NULL, "+
				"`Table` CHAR(32) NOT NULL, `SDDLText` LONGCHAR NOT NULL, `Condition` CHAR(255) PRIMARY KEY `MsiLockPermissionsEx`)",
			fmt.Sprintf("INSERT INTO `MsiLockPermissionsEx` (`MsiLockPermissionsEx`, `LockObject`, `Table`, `SDDLText`) "+
				"VALUES ('DataFolder', 'DATADIR', 'CreateFolder', '%s')", accessList()),
			// With a variable in it, which wixl does not write.
			"UPDATE `Registry` SET `Value` = '#%%SystemRoot%\\System32\\EventCreate.exe' WHERE `Name` = 'EventMessageFile'",
			"CREATE TABLE `Condition` (`Feature_` CHAR(38) NOT NULL, `Level` INT NOT NULL, `Condition` CHAR(255) PRIMARY KEY `Feature_`, `Level`)",
		)
		for i, s := range d.Services {
			action := "Configure" + s.Feature
			queries = append(queries,
				fmt.Sprintf("INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('%s', %d, 'INSTALLDIR', '%s')", action, runCommand, configure(s.Service)),
				fmt.Sprintf("INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('%s', '$%s=3', %d)", action, s.Feature, beforeStartServices+i),
			)
		}
		for _, p := range d.Plugins {
			// Two owners of one file would end with none when the first one leaves.
			queries = append(queries, fmt.Sprintf("INSERT INTO `Condition` (`Feature_`, `Level`, `Condition`) VALUES ('%s', 0, '%s')", p.Feature, p.OwnProperty))
		}
	}
	for _, args := range [][]string{
		append([]string{"-q"}, queries...),
		{"-s", d.Title + " " + d.FullVersion, "IdentityMesh", "x64;1033", d.PackageCode},
	} {
		if _, err := command.Run(ctx, command.Spec{Args: append([]string{"msibuild", file}, args...)}); err != nil {
			return err
		}
	}
	return nil
}

// accessList lets in SYSTEM, the administrators and the services, whatever accounts
// those run under, as the programs ask for when they start.
func accessList() string {
	list := "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
	for _, service := range datafolder.Services() {
		list += "(A;OICI;0x1301bf;;;" + datafolder.ServiceSID(service) + ")"
	}
	return list
}

// configure returns the command line that gives a service what the table of
// services cannot: a late start, its own SID in its token, and what happens when it
// fails. See build/package/README.md.
func configure(service string) string {
	return strings.ReplaceAll(`[%ComSpec] /d /c "sc config NAME start= delayed-auto & sc sidtype NAME unrestricted & `+
		`sc failure NAME reset= 86400 actions= restart/5000/restart/30000/restart/300000 & sc failureflag NAME 1"`, "NAME", service)
}
