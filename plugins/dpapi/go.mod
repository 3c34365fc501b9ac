module github.com/identitymesh/identitymesh/plugins/dpapi

go 1.26.0

require github.com/identitymesh/identitymesh/sdk v0.1.0

require (
	github.com/billgraziano/dpapi v0.5.0 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/tink-crypto/tink-go/v2 v2.9.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/identitymesh/identitymesh/sdk => ../../sdk
