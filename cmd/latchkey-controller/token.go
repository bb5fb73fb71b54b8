package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// A tokenRow is a token as JSON.
type tokenRow struct {
	ID     int64        `json:"id"`
	Name   string       `json:"name"`
	By     string       `json:"by"` // an administrator; "": the command line
	Scopes []desk.Scope `json:"scopes"`
	From   []string     `json:"from"` // networks; none: it is taken from anywhere
	Made   time.Time    `json:"made"`
	Ends   time.Time    `json:"ends"`
	Over   bool         `json:"over"`
	Used   *string      `json:"used"` // the last day; null: never
}

func tokenList(c *invocation) action {
	return func(ctx context.Context, _ []string) error {
		tokens, err := c.desk.Tokens(ctx, c.actor)
		if err != nil {
			return err
		}
		in, err := c.desk.Zone(ctx)
		if err != nil {
			return err
		}
		rows, lines := []tokenRow{}, []string{}
		for _, k := range tokens {
			row := tokenRow{k.ID, k.Name, k.By, k.Scopes, append([]string{}, k.Networks...), k.Made.In(in), k.Ends.In(in), k.Over, nil}
			used, ends := "never", shortTime(k.Ends, in)
			if !k.Used.IsZero() {
				used = k.Used.UTC().Format(time.DateOnly)
				row.Used = &used
			}
			if k.Over {
				ends += " (over)"
			}
			rows = append(rows, row)
			lines = append(lines, fmt.Sprintf("%s\t%s\t%s\t%s\t%s", k.Name, scopeList(k.Scopes), ends, used, orDash(strings.Join(k.Networks, ", "))))
		}
		return c.printTable(rows, "no tokens; make one for a program with: latchkey-controller token make --dir "+c.dir+" NAME --scope read",
			fmt.Sprintf("NAME\tSCOPES\tENDS (%s)\tLAST USED\tONLY FROM\n", in), lines)
	}
}

func scopeList(scopes []desk.Scope) string {
	var all []string
	for _, s := range scopes {
		all = append(all, string(s))
	}
	return strings.Join(all, ", ")
}

func tokenMake(c *invocation) action {
	c.details = "NAME is what it is for. Shows the token once: the site keeps no copy that could be shown. A program sends\nit to the API, which serve has with --api. The scopes are:\n"
	for _, s := range desk.Scopes() {
		c.details += fmt.Sprintf("\n  %-10s %s", s, lowerFirst(s.Text().String()))
	}
	form := desk.TokenForm{}
	c.Func("scope", "what a program may do with it, a `scope`; may be repeated", func(text string) error {
		if !slices.Contains(desk.Scopes(), desk.Scope(text)) {
			return errors.New("write one of " + scopeList(desk.Scopes()))
		}
		form.Scopes = append(form.Scopes, desk.Scope(text))
		return nil
	})
	c.Func("from", "an `address` from which it is taken, or a range like 192.0.2.0/24; may be repeated; from anywhere unless given", func(text string) error {
		form.Networks = append(form.Networks, text)
		return nil
	})
	c.IntVar(&form.Days, "days", desk.TokenDays, "the `days` until it ends")
	c.check = func([]string) error {
		if len(form.Scopes) == 0 {
			return c.wrongUse("needs --scope")
		}
		return nil
	}
	return func(ctx context.Context, args []string) error {
		form.Name = args[0]
		_, text, err := c.desk.MakeToken(ctx, c.actor, form)
		if err != nil {
			return err
		}
		return c.report(map[string]string{"name": desk.TidyName(form.Name), "token": text}, "%s\n", text)
	}
}

func tokenRevoke(c *invocation) action {
	return func(ctx context.Context, args []string) error {
		tokens, err := c.desk.Tokens(ctx, c.actor)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(tokens, func(k *desk.Token) bool { return strings.EqualFold(k.Name, args[0]) })
		if at < 0 {
			return fmt.Errorf("there is no token %q; latchkey-controller token list shows all of them", args[0])
		}
		if err := c.desk.RevokeToken(ctx, c.actor, tokens[at].ID); err != nil {
			return err
		}
		return c.report(map[string]string{"name": tokens[at].Name}, "the token %s is revoked: it has no effect any more\n", tokens[at].Name)
	}
}

func lowerFirst(text string) string { return strings.ToLower(text[:1]) + text[1:] }
