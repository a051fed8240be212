"""The contract test, for parts of this package and for a user's own: `vaelab.testing.check_spec(Mine())`."""

from vaelab.testing.check import Checked as Checked, check_spec as check_spec, check_tracker as check_tracker
