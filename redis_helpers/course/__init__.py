"""The course's machinery: nobody needs to read it to learn Redis."""
