package site

import "context"

// Post and Listen are those of the site's store. Whoever may connect to the database hears what is posted, and can post:
// seal what is to be secret, or believed.
func (s *Site) Post(ctx context.Context, channel string, messages ...[]byte) error {
	return s.store.Post(ctx, channel, messages...)
}

func (s *Site) Listen(ctx context.Context, channel string, take func(message []byte)) error {
	return s.store.Listen(ctx, channel, take)
}
