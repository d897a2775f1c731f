//! Stories of the REST doors, of buying credits, and of the pages for people.

mod auth;
mod buying;
mod calls;
mod hooks;
mod hosting;
mod lists;
mod money;
mod operator;
mod pages;
mod problems;
mod support;
mod vendors;
