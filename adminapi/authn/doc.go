// Package authn signs operators in to the Admin API: programs by API tokens, and
// browsers by sessions that begin with a token or with what another system vouches
// for. Of both only hashes are stored. The first token is made at the first start
// and written once to a file that only the service's account can read.
//
// What a signed-in operator may do is package authz's concern, and which ways in
// there are is decided where a [Guard] is made. Start reading at [Guard], then
// [Tokens] and [Sessions].
package authn
