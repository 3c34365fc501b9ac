module github.com/identitymesh/identitymesh/adminapi

go 1.26.0

require (
	github.com/identitymesh/identitymesh/engine v0.1.0
	github.com/identitymesh/identitymesh/sdk v0.1.0
)

replace github.com/identitymesh/identitymesh/sdk => ../sdk

replace github.com/identitymesh/identitymesh/engine => ../engine
