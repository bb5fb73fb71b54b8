package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// bom is a CycloneDX bill of materials, as far as one is written here
// (CycloneDX 1.6, ECMA-424).
type bom struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string          `json:"type"`
	Ref        string          `json:"bom-ref"`
	Name       string          `json:"name"`
	Version    string          `json:"version,omitempty"`
	Hashes     []hash          `json:"hashes,omitempty"`
	Licenses   []licenseChoice `json:"licenses"`
	PURL       string          `json:"purl,omitempty"`
	Properties []property      `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licenseChoice struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

func licensed(id string) []licenseChoice {
	choice := make([]licenseChoice, 1)
	choice[0].License.ID = id
	return choice
}

// sbom lists the modules that the linker wrote into a binary, with their licences
// from parts. It fails if the two have different modules.
func (r release) sbom(p product, arch, binary string, parts []part) ([]byte, error) {
	b, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	sums := map[string]string{"std": ""}
	for _, module := range info.Deps {
		sums[module.Path] = module.Sum
	}
	root := fmt.Sprintf("pkg:deb/%s@%s?arch=%s", p.name, r.debVersion(), arch)
	out := bom{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", Spec: "1.6", Version: 1,
		Serial: serial(sum),
		Metadata: metadata{Timestamp: r.built.Format(time.RFC3339), Component: component{
			Type: "firmware", Ref: root, Name: p.name, Version: r.version, PURL: root,
			Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}}, Licenses: licensed("Apache-2.0"),
		}},
		Dependencies: []dependency{{Ref: root}},
	}
	for _, setting := range info.Settings {
		out.Metadata.Component.Properties = append(out.Metadata.Component.Properties, property{"go:build:" + setting.Key, setting.Value})
	}
	for _, part := range parts {
		c := component{Type: "library", Name: part.path, Version: part.version, Licenses: licensed(part.licence)}
		switch goSum, built := sums[part.path]; {
		case part.embedded:
			c.Type, c.Ref = "file", "file:"+part.path
		case !built:
			return nil, fmt.Errorf("%s is a dependency, but is not in the binary", part.path)
		case part.path == "std":
			c.PURL = "pkg:golang/std@" + part.version
		default:
			c.PURL = fmt.Sprintf("pkg:golang/%s@v%s", part.path, part.version)
			c.Properties = []property{{"go:sum", goSum}}
		}
		if c.Ref == "" {
			c.Ref = c.PURL
		}
		delete(sums, part.path)
		out.Components = append(out.Components, c)
		out.Dependencies[0].DependsOn = append(out.Dependencies[0].DependsOn, c.Ref)
		out.Dependencies = append(out.Dependencies, dependency{Ref: c.Ref, DependsOn: []string{}})
	}
	for path := range sums {
		return nil, fmt.Errorf("%s is in the binary, but is not a dependency", path)
	}
	text, err := json.MarshalIndent(out, "", "  ")
	return append(text, '\n'), err
}

// serial is a UUID that only the same binary has (RFC 9562, version 8).
func serial(sum [sha256.Size]byte) string {
	u := sum[:16]
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
