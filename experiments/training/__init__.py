"""``mlbreg train``: one network, one method, one seed; a folder with everything that was measured."""
