package api

import (
	"errors"
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// An endpointObject is a webhook.
type endpointObject struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	URL     string            `json:"endpoint"`
	Secret  string            `json:"secret"` // in the answer that makes it, and never again
	Events  []string          `json:"events"`
	Headers map[string]string `json:"headers"` // their values are sent to the endpoint alone
}

func (a *API) endpointObject(id int64, f *desk.WebhookForm, secret string) *endpointObject {
	o := &endpointObject{ID: a.ids.of(kindWebhook, id), Name: f.Name, URL: f.URL, Secret: secret, Events: append([]string{}, f.Events...), Headers: map[string]string{}}
	for name := range f.Headers {
		o.Headers[name] = ""
	}
	return o
}

// An endpointBody is a webhook as it is asked for.
type endpointBody struct {
	Name    string            `json:"name"`
	URL     string            `json:"endpoint"`
	Events  []string          `json:"events"`
	Headers map[string]string `json:"headers"`
}

// sameURL returns the code that clients know for an endpoint that is there already.
func sameURL(err error) error {
	if errors.Is(err, desk.ErrSameURL) {
		return refuse(http.StatusBadRequest, codeSameEndpoint, desk.Sentence(err.Error()))
	}
	return err
}

// endpoints answers GET /webhooks/endpoints.
func (a *API) endpoints(c *call) (any, error) {
	p, err := c.pages()
	if err != nil {
		return nil, err
	}
	webhooks, err := a.desk.Webhooks(c.r.Context(), c.actor)
	if err != nil {
		return nil, err
	}
	all := []*endpointObject{}
	for _, w := range webhooks {
		all = append(all, a.endpointObject(w.ID, &w.WebhookForm, ""))
	}
	return cut(p, all), nil
}

// addEndpoint answers POST /webhooks/endpoints. Names of persons are sent if the token may
// read them.
func (a *API) addEndpoint(c *call) (any, error) {
	var body endpointBody
	if err := c.body(&body); err != nil {
		return nil, err
	}
	form := desk.WebhookForm{Name: body.Name, URL: body.URL, Events: body.Events, Headers: body.Headers, Style: desk.StyleUniFi, Persons: c.actor.May(desk.ViewActivity)}
	id, secret, err := a.desk.AddWebhook(c.r.Context(), c.actor, form)
	if err != nil {
		return nil, sameURL(err)
	}
	form.Name = desk.TidyName(form.Name)
	return a.endpointObject(id, &form, secret), nil
}

// setEndpoint answers PUT /webhooks/endpoints/{id}: it replaces what the body can hold. A
// header field without a value keeps its value.
func (a *API) setEndpoint(c *call) (any, error) {
	id, err := a.id(c, "id", kindWebhook)
	if err != nil {
		return nil, err
	}
	var body endpointBody
	if err := c.body(&body); err != nil {
		return nil, err
	}
	var is desk.WebhookForm
	err = a.desk.EditWebhook(c.r.Context(), c.actor, id, "", func(f *desk.WebhookForm) {
		f.Name, f.URL, f.Events, f.Headers = body.Name, body.URL, body.Events, body.Headers
		is = *f
	})
	if err != nil {
		return nil, sameURL(err)
	}
	is.Name = desk.TidyName(is.Name)
	return a.endpointObject(id, &is, ""), nil
}

// removeEndpoint answers DELETE /webhooks/endpoints/{id}.
func (a *API) removeEndpoint(c *call) (any, error) {
	id, err := a.id(c, "id", kindWebhook)
	if err != nil {
		return nil, err
	}
	return nil, a.desk.RemoveWebhook(c.r.Context(), c.actor, id)
}
