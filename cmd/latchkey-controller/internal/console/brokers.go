package console

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// brokerTrouble says which brokers are out of reach, and whether the site has outgrown the embedded
// one; "": nothing is wrong. silent says that none answers.
func (c *Console) brokerTrouble(ctx context.Context, readers int) (text string, silent bool, err error) {
	var says []string
	down, silent, err := c.desk.BrokersDown(ctx)
	if err != nil {
		return "", false, err
	}
	for _, b := range down {
		says = append(says, sentence("the broker "+b.URL+" is out of reach: "+b.Why))
	}
	switch {
	case silent:
		says = append(says, "No reader can be heard until a broker answers: what is shown of doors is from before. Readers keep working with their stored data.")
	case len(down) > 0:
		says = append(says, "Readers use the brokers that are connected; doors are not affected.")
	}
	if !c.otherBroker() && readers > desk.EmbeddedFor {
		says = append(says, sentence(desk.EmbeddedTooSmall(readers)))
	}
	return strings.Join(says, " "), silent, nil
}

// notHeard says to which brokers readers are told to go though the controller is not connected to
// them, to those who may change that; "": to none.
func (c *Console) notHeard(r *http.Request, v *visit) (string, error) {
	if !v.Actor.May(desk.SetBrokers) {
		return "", nil
	}
	b, err := c.desk.Brokers(r.Context(), v.Actor)
	if err != nil {
		return "", err
	}
	var says []string
	for _, text := range b.NotHeardTexts() {
		says = append(says, sentence(text))
	}
	return strings.Join(says, " "), nil
}

func (c *Console) setBrokers(r *http.Request, v *visit, f *form) (answer, error) {
	form := desk.BrokersForm{Reader: f.Trim("reader"), Brokers: f.Get("brokers"), Anyway: f.Has("anyway", "on"), Revision: f.Get("revision")}
	if form.Bundle = f.Has("act", "bundle"); form.Bundle {
		form.Brokers = ""
	}
	changed, err := c.desk.SetBrokers(r.Context(), v.Actor, form)
	a := answer{to: "/settings#brokers", notice: fmt.Sprintf("Saved for %d readers. Each moves within a few minutes, once it hears the controller there.", changed)}
	switch changed {
	case 0:
		a.notice = "Nothing is changed: readers have been told so already."
	case 1:
		a.notice = "Saved for 1 reader. It moves within a few minutes, once it hears the controller there."
	}
	return a, err
}
