// Package sbom lists what programs are made of, in the format CycloneDX.
//
// It reads the list that the Go linker left in each program, so it names exactly
// the modules whose code is in there, in the version that is in there, and nothing
// that tests or other systems need. Start reading at [Write].
package sbom

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/google/uuid"

	"github.com/identitymesh/identitymesh/sdk/host/launch"
)

// Program is a program that is listed.
type Program struct {
	Name, Version string
	// Path of its file, which is read.
	Path string
}

// Config says what to list.
type Config struct {
	// Name and Version of what the programs belong to, and the Platform that they
	// run on, as in linux/amd64.
	Name, Version, Platform string
	Programs                []Program
	// Time of the list: that of the source, so that the same source gives the same
	// list.
	Time time.Time
}

// Write writes the list to a new file at out.
func Write(out string, c Config) error {
	bom, err := list(c)
	if err != nil {
		return fmt.Errorf("list what %s is made of: %w", c.Name, err)
	}
	f, err := os.Create(out)
	if err != nil {
		return fmt.Errorf("list what %s is made of: %w", c.Name, err)
	}
	return errors.Join(encode(f, bom), f.Close())
}

// encode writes 1.6, the newest version that the tools of today read.
func encode(w io.Writer, bom *cyclonedx.BOM) error {
	return cyclonedx.NewBOMEncoder(w, cyclonedx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cyclonedx.SpecVersion1_6)
}

func list(c Config) (*cyclonedx.BOM, error) {
	root := cyclonedx.Component{
		BOMRef: "product", Type: cyclonedx.ComponentTypeApplication, Name: c.Name, Version: c.Version,
		Properties: &[]cyclonedx.Property{{Name: "platform", Value: c.Platform}},
	}
	var components []cyclonedx.Component
	var dependencies []cyclonedx.Dependency
	var programs []string
	known := make(map[string]bool)
	// The serial number is made of what is listed: another list has another one.
	fingerprint := c.Name + " " + c.Version + " " + c.Platform
	for _, p := range c.Programs {
		info, err := buildinfo.ReadFile(p.Path)
		if err != nil {
			return nil, err
		}
		sum, err := launch.Hash(p.Path)
		if err != nil {
			return nil, err
		}
		fingerprint += " " + sum
		ref := "program:" + p.Name
		programs = append(programs, ref)
		components = append(components, program(ref, p, sum, info))
		var uses []string
		for _, l := range libraries(info) {
			uses = append(uses, l.BOMRef)
			if !known[l.BOMRef] {
				known[l.BOMRef] = true
				components = append(components, l)
			}
		}
		dependencies = append(dependencies, cyclonedx.Dependency{Ref: ref, Dependencies: &uses})
	}
	dependencies = append(dependencies, cyclonedx.Dependency{Ref: root.BOMRef, Dependencies: &programs})
	bom := cyclonedx.NewBOM()
	bom.SerialNumber = uuid.NewSHA1(uuid.NameSpaceURL, []byte(fingerprint)).URN()
	bom.Metadata = &cyclonedx.Metadata{Timestamp: c.Time.UTC().Format(time.RFC3339), Component: &root}
	bom.Components, bom.Dependencies = &components, &dependencies
	return bom, nil
}

func program(ref string, p Program, sum string, info *debug.BuildInfo) cyclonedx.Component {
	properties := []cyclonedx.Property{{Name: "go:main", Value: info.Path}}
	for _, s := range info.Settings {
		if strings.HasPrefix(s.Key, "vcs.") {
			properties = append(properties, cyclonedx.Property{Name: s.Key, Value: s.Value})
		}
	}
	return cyclonedx.Component{
		BOMRef: ref, Type: cyclonedx.ComponentTypeApplication, Name: p.Name, Version: p.Version,
		Hashes:     &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: sum}},
		Properties: &properties,
	}
}

// libraries returns the standard library and the modules in the program.
func libraries(info *debug.BuildInfo) []cyclonedx.Component {
	// As in "go1.26.1 X:experiment".
	version, _, _ := strings.Cut(strings.TrimPrefix(info.GoVersion, "go"), " ")
	out := []cyclonedx.Component{library("std", version, "")}
	for _, d := range info.Deps {
		sum := d.Sum
		if d.Replace != nil {
			// Ours, from the folder beside; a foreign one would be the replacement.
			if sum = d.Replace.Sum; sum != "" {
				d = d.Replace
			}
		}
		out = append(out, library(d.Path, d.Version, sum))
	}
	return out
}

func library(path, version, sum string) cyclonedx.Component {
	purl := "pkg:golang/" + path + "@" + version
	l := cyclonedx.Component{BOMRef: purl, Type: cyclonedx.ComponentTypeLibrary, Name: path, Version: version, PackageURL: purl}
	if sum != "" {
		l.Properties = &[]cyclonedx.Property{{Name: "go:sum", Value: sum}}
	}
	return l
}
