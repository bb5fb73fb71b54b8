package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func signIn(c *invocation) action {
	c.details = "show prints it. passkeys sets which roles sign in with a passkey and nothing else. An Owner needs one first, which the console\nadds under Your account; it needs serve --console-name. A link of console-link or admin link still signs in, once.\noidc sets the provider (OpenID Connect) at which administrators may sign in; what is not given stays. no-oidc removes\nit. Both sign out who signed in there. The client's secret is never an argument. Each flag below says to which of\nthese it belongs."
	var roles []desk.Role
	given := false
	c.Func("role", "passkeys: a `role` that needs a passkey: "+rolesInWords+"; may be repeated; none: nobody does", func(text string) error {
		given = true
		if text == "none" {
			return nil
		}
		if !slices.Contains(desk.Roles(), desk.Role(text)) {
			return errors.New("there is no such role")
		}
		roles = append(roles, desk.Role(text))
		return nil
	})
	set := providerFlags(c)
	c.check = func(args []string) error {
		if given != (args[0] == "passkeys") {
			return c.wrongUse("passkeys needs --role, which nothing else takes")
		}
		if set.given != (args[0] == "oidc") {
			return c.wrongUse("oidc needs a flag that says what, and nothing else takes one about the provider")
		}
		return nil
	}
	return func(ctx context.Context, args []string) error {
		switch args[0] {
		case "oidc":
			if err := set.apply(ctx, c); err != nil {
				return err
			}
		case "no-oidc":
			if err := c.desk.RemoveProvider(ctx, c.actor); err != nil {
				return err
			}
			if !c.json {
				fmt.Fprintln(c.out, "the provider is removed: administrators sign in only here, and who had signed in there is signed out")
			}
		}
		rules, err := c.desk.SignInRules(ctx, c.actor)
		if err != nil {
			return err
		}
		if args[0] == "passkeys" {
			if err := c.desk.SetPasskeyRoles(ctx, c.actor, rules.Revision, roles); err != nil {
				return err
			}
			if rules, err = c.desk.SignInRules(ctx, c.actor); err != nil {
				return err
			}
		}
		at, err := c.desk.Provider(ctx, c.actor)
		if err != nil {
			return err
		}
		return showSignIn(c, rules, at)
	}
}

func either(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// showSignIn prints how administrators sign in.
func showSignIn(c *invocation, rules *desk.SignInRules, at *desk.Provider) error {
	row := struct {
		PasskeyRoles []desk.Role `json:"passkey-roles"` // that need a passkey
		Host         string      `json:"host"`          // for which passkeys are; "": there has been none
		Issuer       string      `json:"issuer"`        // of the provider at which they may sign in; "": only here
		Client       string      `json:"client"`
		Secret       bool        `json:"secret"`   // the client's is set
		Redirect     string      `json:"redirect"` // the URI to register there, with NAME for serve --console-name; "": no provider
		Claim        string      `json:"claim"`    // that says the role

		Roles  map[string]desk.Role `json:"roles"`  // by its values
		Owners bool                 `json:"owners"` // it may make Owners
		Inside bool                 `json:"inside"` // its host may be inside the network
	}{append([]desk.Role{}, rules.PasskeyRoles...), rules.Host, at.Issuer, at.Client, at.Secret, "", at.Claim, at.Roles, at.Owners, at.Inside}
	text := "nobody needs a passkey"
	var titles []string
	for _, role := range rules.PasskeyRoles {
		titles = append(titles, role.Title().String())
	}
	if len(titles) > 0 {
		text = "a passkey is needed by " + strings.Join(titles, ", ")
	}
	if rules.Host != "" {
		text += "\npasskeys are for the console's name " + rules.Host
	}
	if at.Issuer == "" {
		text += "\nthere is no provider: administrators sign in only here"
	} else {
		row.Redirect = "https://NAME" + desk.ProviderCallback
		text += "\nthe provider is " + at.Issuer + ", which says roles by " + at.Claim
		text += "\nthe client there is " + at.Client + ", " + either(at.Secret, "with a secret", "without a secret")
		text += "\nit " + either(at.Owners, "may", "may not") + " make Owners, and its host " + either(at.Inside, "may", "may not") + " be inside the network"
		for _, value := range slices.Sorted(maps.Keys(at.Roles)) {
			text += "\n  " + value + ": " + at.Roles[value].Title().String()
		}
	}
	if row.Redirect != "" {
		text += "\nregister there the redirect URI " + row.Redirect + ", with the name of serve --console-name,\nand its port if it has one: without --console-name nobody can sign in there"
	}
	return c.report(row, "%s\n", text)
}
