package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// A webhookRow is a webhook as JSON.
type webhookRow struct {
	ID      int64             `json:"id"`
	Name    string            `json:"name"`
	URL     string            `json:"url"`
	Events  []string          `json:"events"`
	Style   desk.WebhookStyle `json:"style"`
	Names   bool              `json:"names"`   // of persons are sent
	Denied  bool              `json:"denied"`  // attempts that opened nothing are sent
	Stopped string            `json:"stopped"` // why nothing is sent; "": it is
	Waiting int               `json:"waiting"`
	Failed  int               `json:"failed"`
	Last    *time.Time        `json:"last"` // an event arrived; null: none has
}

func webhookList(c *invocation) action {
	return func(ctx context.Context, _ []string) error {
		webhooks, err := c.desk.Webhooks(ctx, c.actor)
		if err != nil {
			return err
		}
		hosts, err := c.desk.WebhookHosts(ctx, c.actor)
		if err != nil {
			return err
		}
		in, err := c.desk.Zone(ctx)
		if err != nil {
			return err
		}
		rows, lines, allowed := []webhookRow{}, []string{}, []string{}
		for _, w := range webhooks {
			rows = append(rows, webhookRow{w.ID, w.Name, w.URL, w.Events, w.Style, w.Persons, w.Denied, w.Stopped.String(), w.Waiting, w.Failed, timeOrNil(w.Last, in)})
			last := shortTime(w.Last, in)
			if w.Stopped != nil {
				last = "stopped: " + desk.Clean(w.Stopped.String())
			}
			lines = append(lines, fmt.Sprintf("%d\t%s\t%s\t%d\t%d\t%s", w.ID, w.Name, w.URL, w.Waiting, w.Failed, last))
		}
		for _, h := range hosts {
			allowed = append(allowed, h.Host)
		}
		if c.json {
			return printJSON(c.out, map[string]any{"webhooks": rows, "hosts": allowed})
		}
		err = c.printTable(nil, "no webhooks; add one with: latchkey-controller webhook add --dir "+c.dir+" NAME URL --event all",
			fmt.Sprintf("ID\tNAME\tURL\tWAITING\tFAILED\tLAST ARRIVED (%s)\n", in), lines)
		if err == nil && len(allowed) > 0 {
			_, err = fmt.Fprintf(c.out, "allowed inside the network: %s\n", strings.Join(allowed, ", "))
		}
		return err
	}
}

func webhookAdd(c *invocation) action {
	c.details = "Shows once the secret that signs what is sent. The events are:\n"
	for _, e := range desk.WebhookEvents() {
		if e.Sent {
			c.details += fmt.Sprintf("\n  %-35s %s", e.Name, e.Title)
		}
	}
	form := desk.WebhookForm{}
	c.Func("event", "what is sent, an `event`, or all; may be repeated", func(text string) error {
		before := len(form.Events)
		for _, e := range desk.WebhookEvents() {
			if text == e.Name || text == "all" && e.Sent {
				form.Events = append(form.Events, e.Name)
			}
		}
		if len(form.Events) == before {
			return errors.New("write all, or one of those below webhook add --help")
		}
		return nil
	})
	style := c.oneOf("style", "how events are written, a `style`: standard (as Standard Webhooks) unless given, or unifi", string(desk.StyleStandard), string(desk.StyleUniFi))
	c.BoolVar(&form.Persons, "names", false, "send names of persons, too")
	c.BoolVar(&form.Denied, "denied", false, "send attempts that opened nothing, too")
	headers := c.String("headers-file", "", "a `file` with header fields to send, one a line like X-Api-Key: value")
	c.check = func([]string) error {
		if len(form.Events) == 0 {
			return c.wrongUse("needs --event")
		}
		return nil
	}
	return func(ctx context.Context, args []string) error {
		form.Name, form.URL, form.Style = args[0], args[1], desk.StyleStandard
		if *style != "" {
			form.Style = desk.WebhookStyle(*style)
		}
		if *headers != "" {
			b, err := readFile(*headers, 16<<10)
			if err != nil {
				return err
			}
			if form.Headers, err = desk.ReadHeaders(string(b)); err != nil {
				return fmt.Errorf("%s: %w", *headers, err)
			}
		}
		id, secret, err := c.desk.AddWebhook(ctx, c.actor, form)
		if err != nil {
			return err
		}
		return c.report(map[string]any{"id": id, "name": desk.TidyName(form.Name), "secret": secret}, "webhook %d is added; its secret is\n%s\n", id, secret)
	}
}

// noWebhook says, if that is the error, that there is no webhook with a number.
func noWebhook(id int64, err error) error {
	if errors.Is(err, desk.ErrNotFound) {
		err = fmt.Errorf("there is no webhook %d: %w", id, desk.ErrNotFound)
	}
	return absence(err, "webhook list shows all of them")
}

// onWebhook acts on the webhook with a number, and prints that it does what it did.
func onWebhook(c *invocation, did string, do func(ctx context.Context, id int64, args []string) error) action {
	return func(ctx context.Context, args []string) error {
		id := placeNumber(args[0])
		err := do(ctx, id, args)
		if errors.Is(err, desk.ErrNotFound) {
			if _, gone := c.desk.Deliveries(ctx, c.actor, id, "", 0, 1); gone == nil { // what is absent is of the webhook
				return absence(fmt.Errorf("webhook %d has sent no such delivery: %w", id, err), "webhook deliveries shows all of them")
			}
		}
		if err != nil {
			return noWebhook(id, err)
		}
		return c.report(map[string]any{"id": id}, "webhook %d "+did+"\n", id)
	}
}

func webhookSecret(c *invocation) action {
	c.details = "Shows it once. For 24 hours the secret before signs, too, for receivers that take several signatures, as\nStandard Webhooks has it. Those for the UniFi Access API refuse what comes until they have the new one;\nit is sent to them again."
	return func(ctx context.Context, args []string) error {
		id := placeNumber(args[0])
		secret, err := c.desk.NewWebhookSecret(ctx, c.actor, id)
		if err != nil {
			return noWebhook(id, err)
		}
		return c.report(map[string]any{"id": id, "secret": secret}, "the new secret of webhook %d is\n%s\nReceivers of Standard Webhooks may check by the one before for 24 hours more; see webhook secret --help\n", id, secret)
	}
}

func webhookRemove(c *invocation) action {
	return onWebhook(c, "is removed: nothing more is sent there", func(ctx context.Context, id int64, _ []string) error {
		return c.desk.RemoveWebhook(ctx, c.actor, id)
	})
}

func webhookTest(c *invocation) action {
	c.details = "It is sent while a controller runs on the site; webhook deliveries shows what became of it."
	return onWebhook(c, "is sent a test", func(ctx context.Context, id int64, _ []string) error {
		return c.desk.TestWebhook(ctx, c.actor, id)
	})
}

func webhookResend(c *invocation) action {
	c.details = "DELIVERY is what webhook deliveries shows. It is sent while a controller runs on the site."
	return onWebhook(c, "is sent the event again", func(ctx context.Context, id int64, args []string) error {
		delivery, err := strconv.ParseInt(args[1], 10, 64)
		if err != nil {
			return fmt.Errorf("there is no delivery %.40q; latchkey-controller webhook deliveries shows all of them", args[1])
		}
		return c.desk.ResendDelivery(ctx, c.actor, id, delivery)
	})
}

func webhookDeliveries(c *invocation) action {
	c.details = "The newest first."
	state := c.oneOf("state", "only those in a `state`: waiting, delivered or failed", string(desk.DeliveryWaiting), string(desk.DeliveryDelivered), string(desk.DeliveryFailed))
	last := 50
	c.newest(&last, "how `many` at most, up to 1000; 50 unless given")
	return func(ctx context.Context, args []string) error {
		id := placeNumber(args[0])
		page, err := c.desk.Deliveries(ctx, c.actor, id, desk.DeliveryState(*state), 0, last)
		if err != nil {
			return noWebhook(id, err)
		}
		in, err := c.desk.Zone(ctx)
		if err != nil {
			return err
		}
		type row struct {
			ID       int64              `json:"id"`
			Event    string             `json:"event"`
			At       time.Time          `json:"time"`
			State    desk.DeliveryState `json:"state"`
			Attempts int                `json:"attempts"`
			Status   int                `json:"status"`  // HTTP status of the last answer; 0: there was none
			Problem  string             `json:"problem"` // of the last attempt
			Next     *time.Time         `json:"next"`    // attempt; null: at once, or none
		}
		rows, lines := []row{}, []string{}
		for _, d := range page.Deliveries {
			rows = append(rows, row{d.ID, d.Event, d.At.In(in), d.State, d.Attempts, d.Status, d.Problem.String(), timeOrNil(d.Next, in)})
			lines = append(lines, fmt.Sprintf("%d\t%s\t%s\t%s\t%d\t%s", d.ID, shortTime(d.At, in), d.Event, d.State, d.Attempts, desk.Clean(orDash(d.Problem.String()))))
		}
		return c.printTable(rows, "nothing has been sent there from "+c.dir+" yet", fmt.Sprintf("ID\tTIME (%s)\tEVENT\tSTATE\tATTEMPTS\tPROBLEM\n", in), lines)
	}
}

func webhookAllow(c *invocation) action {
	c.details = "HOST is a name or address with a port, like n8n.home:5678, or a URL there. Whoever may add webhooks can\nthen send to it, by http, too, and learn whether something answers there."
	return func(ctx context.Context, args []string) error {
		host, err := c.desk.AllowWebhookHost(ctx, c.actor, args[0])
		if err != nil {
			return err
		}
		return c.report(map[string]any{"host": host}, "webhooks may send to %s\n", host)
	}
}

func webhookForbid(c *invocation) action {
	return func(ctx context.Context, args []string) error {
		if err := c.desk.ForbidWebhookHost(ctx, c.actor, args[0]); err != nil {
			return absence(fmt.Errorf("the host %.80s is not allowed: %w", desk.Clean(args[0]), err), "webhook list shows those that are")
		}
		return c.report(map[string]any{"host": args[0]}, "nothing more is sent to %s\n", args[0])
	}
}
