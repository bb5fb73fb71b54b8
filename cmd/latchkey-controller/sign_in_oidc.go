package main

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// oidcSecretLine bounds the line that holds the secret of a client, in bytes.
const oidcSecretLine = 1024

// A providerChange is what the flags of sign-in oidc change of the provider.
type providerChange struct {
	given  bool // at least one flag
	edits  []func(*desk.Provider)
	values map[string]desk.Role // in place of those there are; nil: they stay
	secret string               // the file that holds it, or "-"; "": it stays
}

// providerFlags adds the flags of sign-in oidc.
func providerFlags(c *invocation) *providerChange {
	set := new(providerChange)
	edit := func(name, usage string, parse func(text string) (func(*desk.Provider), error)) {
		c.Func(name, usage, func(text string) error {
			set.given = true
			change, err := parse(text)
			set.edits = append(set.edits, change)
			return err
		})
	}
	text := func(name, usage string, field func(*desk.Provider) *string) {
		edit(name, usage, func(text string) (func(*desk.Provider), error) {
			return func(p *desk.Provider) { *field(p) = text }, nil
		})
	}
	text("issuer", "oidc: the provider's `address`, exactly as it says it, like https://login.example.com/realm", func(p *desk.Provider) *string { return &p.Issuer })
	text("client", "oidc: the client's `id` there", func(p *desk.Provider) *string { return &p.Client })
	text("claim", "oidc: the `claim` that says the role; groups unless given", func(p *desk.Provider) *string { return &p.Claim })
	onOff := func(name, usage string, field func(*desk.Provider) *bool) {
		edit(name, usage, func(text string) (func(*desk.Provider), error) {
			on, err := parseOnOff(text)
			return func(p *desk.Provider) { *field(p) = on }, err
		})
	}
	onOff("owners", "oidc: `on|off`: it may make Owners", func(p *desk.Provider) *bool { return &p.Owners })
	onOff("inside", "oidc: `on|off`: its host may be inside the network", func(p *desk.Provider) *bool { return &p.Inside })
	c.Func("value", "oidc: a `VALUE=ROLE` of the claim, in place of all there are: "+rolesInWords+"; may be repeated", func(text string) error {
		at := strings.LastIndex(text, "=")
		if at < 0 {
			return errors.New("write VALUE=ROLE")
		}
		if set.given = true; set.values == nil {
			set.values = map[string]desk.Role{}
		}
		set.values[strings.TrimSpace(text[:at])] = desk.Role(strings.TrimSpace(text[at+1:]))
		return nil
	})
	c.Func("secret-file", "oidc: the `file` with the client's secret in its first line; -: it is asked for, or read from standard input", func(text string) error {
		set.given, set.secret = true, text
		return nil
	})
	return set
}

// apply changes the provider, or sets the first one.
func (set *providerChange) apply(ctx context.Context, c *invocation) error {
	p, err := c.desk.Provider(ctx, c.actor)
	if err != nil {
		return err
	}
	for _, change := range set.edits {
		change(p)
	}
	if set.values != nil {
		p.Roles = set.values
	}
	var secret []byte
	switch set.secret {
	case "":
	case "-":
		secret, err = askSecret(ctx, c, "the client's secret", oidcSecretLine, "Secret of the client: ")
	default:
		var file []byte
		if file, err = readFile(set.secret, oidcSecretLine+2); err == nil { // with the line's end
			secret, _, _ = bytes.Cut(file, []byte("\n"))
			secret = bytes.TrimRight(secret, "\r")
			defer clear(file)
		}
	}
	if err != nil {
		return err
	}
	if set.secret != "" && len(secret) == 0 {
		return errors.New("the secret is empty; leave --secret-file out to keep the one there is")
	}
	return c.desk.SetProvider(ctx, c.actor, p.Revision, p, secret)
}
