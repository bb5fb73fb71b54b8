package console

import (
	"context"
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// brokerTrouble says which brokers are out of reach, and whether the site has outgrown the embedded
// one; nil: nothing is wrong. silent says that none answers.
func (c *Console) brokerTrouble(ctx context.Context, readers int) (text *language.Sentence, silent bool, err error) {
	down, silent, err := c.desk.BrokersDown(ctx)
	if err != nil {
		return nil, false, err
	}
	for _, b := range down {
		text = both(text, language.Say("the broker %s is out of reach: %s", b.URL, b.Trouble).Alone())
	}
	switch {
	case silent:
		text = both(text, language.Say("No reader can be heard until a broker answers: what is shown of doors is from before. Readers keep working with their stored data."))
	case len(down) > 0:
		text = both(text, language.Say("Readers use the brokers that are connected; doors are not affected."))
	}
	if !c.otherBroker() && readers > desk.EmbeddedFor {
		text = both(text, desk.EmbeddedTooSmall(readers).Alone())
	}
	return text, silent, nil
}

// notHeard says to which brokers readers are told to go though the controller is not connected to
// them, to those who may change that; nil: to none.
func (c *Console) notHeard(r *http.Request, v *visit) (says *language.Sentence, err error) {
	if !v.Actor.May(desk.SetBrokers) {
		return nil, nil
	}
	b, err := c.desk.Brokers(r.Context(), v.Actor)
	if err != nil {
		return nil, err
	}
	for _, text := range b.NotHeardTexts() {
		says = both(says, text.Alone())
	}
	return says, nil
}

// both says one thing after the other; nil: neither.
func both(one, other *language.Sentence) *language.Sentence {
	switch {
	case one == nil:
		return other
	case other == nil:
		return one
	}
	return language.Say("%s %s", one, other)
}

// brokersInOrder says to which brokers a reader goes.
func brokersInOrder(urls []string) *language.Sentence {
	if len(urls) == 0 {
		return language.Say("no broker")
	}
	first := language.Data(urls[0])
	for _, url := range urls[1:] {
		first = language.Say("%s, then %s", first, url)
	}
	return first
}

func (c *Console) setBrokers(r *http.Request, v *visit, f *form) (answer, error) {
	form := desk.BrokersForm{Reader: f.Trim("reader"), Brokers: f.Get("brokers"), Anyway: f.Has("anyway", "on"), Revision: f.Get("revision")}
	if form.Bundle = f.Has("act", "bundle"); form.Bundle {
		form.Brokers = ""
	}
	changed, err := c.desk.SetBrokers(r.Context(), v.Actor, form)
	a := answer{to: "/settings#brokers", notice: language.Count(changed, "Saved for %d reader. It moves within a few minutes, once it hears the controller there.", "Saved for %d readers. Each moves within a few minutes, once it hears the controller there.")}
	if changed == 0 {
		a.notice = language.Say("Nothing is changed: readers have been told so already.")
	}
	return a, err
}
