package main

import (
	"slices"

	"paycow/internal/webhooks"
)

// webhookUserAgent is how deliveries name their sender.
const webhookUserAgent = "PayCow"

// webhookURLs returns which URLs endpoints may have. In development that is also this machine, without TLS too.
func (s *Settings) webhookURLs() webhooks.URLRules {
	rules := webhooks.URLRules{Exempt: slices.Clone(s.WebhookHosts), AllowHTTP: s.isDev}
	if s.isDev {
		rules.Exempt = append(rules.Exempt, webhooks.LocalHosts()...)
	}
	return rules
}

// webhookSender returns what sends webhooks to the URLs that endpoints may have.
func (s *Settings) webhookSender() *webhooks.Sender {
	return webhooks.NewSender(webhookUserAgent, s.webhookURLs().Exempt, webhooks.Timeout)
}
